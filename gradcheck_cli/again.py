"""The command that was run, said again for what comes next: with its fix written, or with its fixes tried."""

import shlex

from gradcheck_cli.declared import SETTINGS, Kind

VERBS = {"diagnose", "fix", "run"}
RENAMED = {"--stop-after": "--steps"}  # what `run` calls otherwise than `fix`
LEFT_OUT = {"-o", "--output", "-q", "--quiet", "--save-trace", "--every", "--write"} | {
    "--verify",
    "--no-verify",
}
ALONE = {"-m", "--trust", "--write"} | {  # options without a value
    name
    for setting in SETTINGS.values()
    if setting.kind is Kind.FLAG
    for name in (setting.short, *setting.flag.split("/"))
}


def writing(command: str) -> str:
    """Return the `gradcheck fix ... --write` of a command that diagnosed; nothing where there is none."""
    words = shlex.split(command)
    verb, words = "".join(words[1:2]), words[2:]
    if verb not in VERBS or "--strategy" in words:
        return ""
    kept: list[str] = []
    while words and words[0] != "--":
        word = words.pop(0)
        if not word.startswith("-"):
            kept.append(word)
            if verb == "run":  # what follows its script is the script's
                words = ["--", *words] if words else []
            continue
        name, given, value = word.partition("=")
        said = [value] if given else [words.pop(0)] if words and name not in ALONE else []
        if name not in LEFT_OUT:
            kept += [RENAMED.get(name, name), *said]
    return shlex.join(["gradcheck", "fix", *kept, "--write", *words])


def trying(command: str) -> str:
    """Return the command with its fixes tried."""
    words = shlex.split(command)
    if words[1:2] == ["run"]:
        words.insert(2, "--verify")
    elif "--no-verify" in words:
        words.remove("--no-verify")
    return shlex.join(words)
