"""Two trainings against each other: their losses are named, and their models are not mixed up."""

import torch
from torch.nn import functional as F

from gradcheck_cli.records.yamlfile import dumps, loads
from gradcheck_cli.renderers.terminal.page import render_text
from tests.support.loops import adam, report, small


def adversaries() -> None:
    maker, critic = small(4, 6), small(6, 1)
    for_maker, for_critic = adam(maker, 1e-3), adam(critic, 1e-3)
    for _ in range(20):
        real, made = torch.randn(16, 6), maker(torch.randn(16, 4))
        said, answer = critic(real), critic(made.detach())
        for_critic.zero_grad()
        loss = F.softplus(-said).mean() + F.softplus(answer).mean()
        loss.backward()
        for_critic.step()
        for_maker.zero_grad()
        F.softplus(-critic(made)).mean().backward()
        for_maker.step()


def test_each_loss_is_named_by_its_model_and_its_line() -> None:
    told = report(adversaries)
    kept = loads(dumps(told)).history.beside
    assert [(c.name, c.words) for c in kept] == [(c.name, c.words) for c in told.history.beside]
    page = render_text(told, 160)
    assert "(maker, " in page
    assert "(critic, " in page
    names = [curve.name for curve in told.history.beside]
    assert [n.partition(",")[0] for n in names] == ["maker", "critic"]
    assert all("test_adversarial_losses.py:" in name for name in names)
    assert len(set(names)) == 2
    assert told.history.beside[0].losses != told.history.beside[1].losses


def test_layers_of_models_in_local_variables_have_names_of_their_own() -> None:
    told = report(adversaries)
    assert {x.path for x in told.layers if x.kind == "Linear"} == {
        "maker.0", "maker.2", "critic.0", "critic.2",
    }  # fmt: skip
