"""One list of strings that try to escape from every format, and reports made of them."""

from dataclasses import replace

from gradcheck_cli.records.finding import Crash, Evidence, Skip
from gradcheck_cli.records.report import History, Report
from gradcheck_cli.records.trace import Gap, SourceSite

STRINGS = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</title></style><svg onload=alert(1)>",
    "<!--",
    "]]>",
    "&lt;b&gt; &amp;",
    '" onmouseover=alert(1) x="',
    "javascript:alert(1)",
    "[red]x[/red]",
    "x[/red]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\x00b",
    "a\rb",
    "a\nb",
    "a\r\n::error::injected",
    "::set-output name=x::y",
    "%0A::error::x",
    "a,b:c%d",
    "| a | b |",
    "`code` **bold** _it_ [link](http://x.example) ![i](x)",
    "# heading",
    "- [ ] task @someone #1",
    "```",
    "<details>",
    "\u202egnirts",
    "\u2066x\u2069",
    "\u2028x\u2029",
    "\ufeffx\u200b",
    "\ud800",
    "\uffff\ufffe",
    "日本語の層" * 5,
    "e\u0301" * 10,
    "{{ 7*7 }} {% raw %}",
    "${jndi:x} $(id) `id`",
    "../../etc/passwd",
    "C:\\a\\b",
    "",
    " ",
    "x" * 10_000,
    "a b " * 2_500,
    "no",
    "1e-3",
    "nan",
)


def poisoned(report: Report, bad: str) -> Report:
    """Return `report` with `bad` in every text that comes from a user: names, paths, exceptions."""
    site = SourceSite(bad, 3, 1, 3, 9)
    fixes = tuple(
        replace(
            f,
            name=bad or f.name,
            summary=bad,
            why=bad,
            cost=bad,
            code=bad,
            diff=bad,
            layers=(bad,),
            at=site,
            verification=replace(f.verification, reason=bad),
        )
        for f in report.fixes
    )
    renamed = {layer.path: f"{bad}{i}" for i, layer in enumerate(report.layers)}
    series = {
        q: {renamed.get(path, path): curve for path, curve in by_layer.items()}
        for q, by_layer in report.history.series.items()
    }
    return replace(
        report,
        headline=bad,
        run=replace(
            report.run, command=bad, model=bad, data=bad, loss=bad, optimizer=bad, device=bad
        ),
        assumptions=(bad,),
        findings=tuple(
            replace(
                f,
                message=bad,
                layers=(*renamed.values(),),
                at=site,
                evidence=(Evidence(bad, 1.0, 2.0, bad),),
            )
            for f in report.findings
        ),
        causes=tuple(
            replace(c, reasons=(bad,), layers=(bad,), first_layer=bad, at=site, distinguish=bad)
            for c in report.causes
        ),
        fixes=fixes,
        skipped=(Skip("GC999", bad, bad),),
        crashed=(Crash(bad, f"Traceback\n{bad}"),),
        gaps=(Gap(what=bad, reason=bad),),
        layers=tuple(
            replace(layer, path=renamed[layer.path], kind=bad, activation=bad, built_at=f"{bad}:3")
            for layer in report.layers
        ),
        history=History(
            steps=report.history.steps,
            series=series,
            loss_steps=report.history.loss_steps,
            losses=report.history.losses,
        ),
        next_steps=(bad,),
    )
