"""The callback for transformers, with the real Trainer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archscope.errors import OverBudgetError

pytest.importorskip("accelerate")
transformers = pytest.importorskip("transformers")
from archscope.callbacks.transformers import CostGuard  # noqa: E402 - where transformers is installed

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own deprecations


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(8, 2)

    def forward(self, x, labels=None):
        logits = self.net(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def trained(guard, tmp_path):
    samples = [{"x": torch.rand(8), "labels": torch.tensor(0)} for _ in range(8)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=4,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(model=Net(), args=arguments, train_dataset=samples, callbacks=[guard])
    trainer.train()
    return trainer


def test_a_model_within_its_budget_trains_and_its_cost_is_logged(tmp_path):
    guard = CostGuard(parameters=18, macs="64")
    trainer = trained(guard, tmp_path)
    assert guard.report.totals.macs == 4 * 16
    assert trainer.state.global_step == 2
    assert trainer.state.log_history[0]["archscope/macs"] == 64


def test_a_model_over_its_budget_does_not_start(tmp_path):
    with pytest.raises(OverBudgetError, match="macs 32 > max 31"):
        trained(CostGuard({"x": torch.rand(2, 8), "labels": torch.zeros(2, dtype=torch.long)}, macs=31), tmp_path)
