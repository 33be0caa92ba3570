"""The callback for Lightning, with the real Trainer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archscope.errors import OverBudgetError

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, steps, deprecations
lightning = pytest.importorskip("lightning.pytorch")
from archscope.callbacks.lightning import CostGuard  # noqa: E402 - where Lightning is installed


class Stepped(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(8, 2)
        self.steps = 0

    def training_step(self, batch, _index):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("loss", loss)
        self.steps += 1
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Forward(Stepped):
    def forward(self, x):
        return self.net(x)


def fit(module, guard, tmp_path, **more):
    samples = torch.utils.data.TensorDataset(torch.rand(8, 8), torch.zeros(8, dtype=torch.long))
    trainer = lightning.Trainer(
        max_steps=2,
        accelerator="cpu",
        callbacks=[guard],
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **{"logger": False, **more},
    )
    trainer.fit(module, torch.utils.data.DataLoader(samples, batch_size=4))
    return module


@pytest.mark.parametrize("kind", [Stepped, Forward])
def test_a_module_within_its_budget_trains_and_its_cost_is_logged(tmp_path, kind):
    logger = lightning.loggers.CSVLogger(tmp_path)
    guard = CostGuard(parameters=18, macs="64")
    module = fit(kind(), guard, tmp_path, logger=logger, log_every_n_steps=1)
    assert guard.report.totals.macs == 4 * 16
    assert module.steps == 2, "measuring takes no step of training"
    logged = (tmp_path / "lightning_logs" / "version_0" / "metrics.csv").read_text()
    assert "archscope/macs" in logged
    assert "64.0" in logged


def test_a_module_over_its_budget_does_not_start(tmp_path):
    module = Stepped()
    before = module.net.weight.detach().clone()
    with pytest.raises(OverBudgetError) as caught:
        fit(module, CostGuard(parameters=17), tmp_path)
    assert "parameters 18 > max 17   over by 1" in str(caught.value)
    assert module.steps == 0
    assert torch.equal(module.net.weight, before)


def test_inputs_of_ones_own_and_an_example_input_are_used(tmp_path):
    guard = CostGuard((1, 8))
    fit(Forward(), guard, tmp_path)
    assert guard.report.totals.macs == 16
    module = Forward()
    module.example_input_array = torch.rand(2, 8)
    guard = CostGuard()
    fit(module, guard, tmp_path)
    assert guard.report.totals.macs == 32
