"""Training: resumed as if never cut, several processes, divergence and full memory, and faces learnt by heart."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from repository import COMMAND
from torch import nn

from archscope.cli import main
from archscope.errors import ModelError, UsageError
from archscope.faces.augmentation import Augmentation
from archscope.faces.data_set import read_data
from archscope.faces.detector import Settings
from archscope.faces.running import evaluate_model
from archscope.faces.small_set import make_small_set
from archscope.faces.training.batches import EpochSampler, TrainingSet
from archscope.faces.training.recipe import Distillation, Recipe
from archscope.faces.training.run import train
from archscope.faces.training.trainee import factor
from archscope.models import zoo_spec

SHORT = {"batch": 4, "size": 64, "schedule": "cosine"}


@pytest.fixture(autouse=True)
def one_thread():
    """Maps this small are slower on several threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight pictures of 96 x 96 pixels that are both learnt from and judged by."""
    folder = tmp_path_factory.mktemp("data") / "set"
    make_small_set(folder, training=1, validation=8, size=96, seed=3)
    shutil.rmtree(folder / "WIDER_train")
    shutil.copytree(folder / "WIDER_val", folder / "WIDER_train")
    return folder


@pytest.fixture(scope="module")
def samples(data):
    return read_data(data, "train").samples


def small(seed=0):
    torch.manual_seed(seed)
    return zoo_spec("v2", bifpn_cells=1).build()


def losses(out):
    """The loss of every epoch, from all logs of a folder."""
    found = {}
    for file in sorted(out.glob("logs/*/metrics.csv")):
        with file.open() as stream:
            for row in csv.DictReader(stream):
                if row["loss_epoch"]:
                    found[int(row["epoch"])] = float(row["loss_epoch"])
    return found


def test_a_training_that_was_cut_and_resumed_gives_the_weights_of_an_uncut_one(samples, tmp_path):
    recipe = Recipe(epochs=3, ema=0.5, **SHORT)
    uncut = small()
    train(uncut, samples, recipe, tmp_path / "uncut")

    cut, calls = small(), []

    def fail(*_):
        calls.append(1)
        if len(calls) == 4:  # in the middle of the second of three epochs of two steps
            raise RuntimeError("the power went out")

    cut.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="power"):
        train(cut, samples, recipe, tmp_path / "cut")
    assert not (tmp_path / "cut" / "weights.pt").exists()
    resumed = small(seed=1)
    trained = train(resumed, samples, recipe, tmp_path / "cut", resume=True)
    assert trained.steps == 6
    assert losses(tmp_path / "cut") == pytest.approx(losses(tmp_path / "uncut"), rel=1e-6)
    assert len(losses(tmp_path / "uncut")) == 3
    kept = torch.load(tmp_path / "cut" / "weights.pt", weights_only=True)
    for path, tensor in uncut.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[path], tensor, rtol=1e-5, atol=1e-6)
        assert torch.equal(kept[path], resumed.state_dict()[path])
    assert any(file.name.startswith("events.") for file in (tmp_path / "uncut" / "tensorboard").rglob("*"))


def test_the_average_of_the_weights_is_what_is_written(samples, tmp_path):
    recipe = Recipe(epochs=2, ema=1.0, **SHORT)
    plain, averaged = small(), small()
    train(plain, samples, Recipe(epochs=2, ema=0, **SHORT), tmp_path / "plain")
    train(averaged, samples, recipe, tmp_path / "averaged")
    # The average of four steps with a memory of four: w1, then each step a quarter of the way.
    checkpoint = torch.load(tmp_path / "averaged" / "last.ckpt", weights_only=True)
    last = checkpoint["current_model_state"]["model.body.stage1.0.0.weight"]
    torch.testing.assert_close(last, plain.state_dict()["body.stage1.0.0.weight"])
    assert not torch.allclose(averaged.state_dict()["body.stage1.0.0.weight"], last, atol=1e-6)


def test_two_processes_train_together(data, tmp_path):
    words = [COMMAND, "train", "v2", "--set", "bifpn_cells=1", "--data", str(data), "--out", "run", "--epochs", "1"]
    words += ["--batch", "4", "--size", "64", "--devices", "2"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=300)
    assert run.stdout.count("wrote run/weights.pt") == 1
    assert "8 pictures, 2 steps" in run.stdout
    checkpoint = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2


def test_every_picture_is_seen_once_an_epoch_by_one_process_of_several():
    class Six:
        def __len__(self):
            return 6

    items = []
    for rank in range(2):
        sampler = EpochSampler(Six(), 2, rank, seed=5)
        sampler.set_epoch(3)
        items += [*sampler]
    assert sorted(items) == [18, 19, 20, 21, 22, 23]
    assert items != sorted(items)


def test_a_picture_of_an_epoch_is_the_same_whatever_came_before(samples):
    pictures = []
    for before in (0, 7):
        dataset = TrainingSet(samples, Augmentation(size=64), seed=2)
        torch.rand(before)
        pictures.append(dataset[8 * 5 + 3][0])
    assert torch.equal(*pictures)
    state = torch.get_rng_state()
    other = TrainingSet(samples, Augmentation(size=64), seed=2)[8 * 6 + 3][0]
    assert not torch.equal(other, pictures[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_numbers_that_are_none_end_it_and_the_checkpoint_is_from_before(samples, tmp_path):
    model = small()
    recipe = Recipe(epochs=4, **SHORT)

    def poison(module, *_):
        if (tmp_path / "run" / "last.ckpt").exists():
            module.body.stage1[0][0].weight.data.fill_(float("nan"))

    model.register_forward_pre_hook(poison)
    with pytest.raises(ModelError, match=r"no number any more in epoch 2, step 3"):
        train(model, samples, recipe, tmp_path / "run")
    kept = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(tensor.isfinite().all() for tensor in kept.values())


def test_a_gradient_that_is_no_number_ends_it_before_the_weights_are(samples, tmp_path):
    model = small()
    model.body.stage1[0][0].weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(ModelError, match="the gradient is no number"):
        train(model, samples, Recipe(epochs=1, **SHORT), tmp_path / "run")
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_memory_that_runs_out_is_told_with_what_did_not_fit(samples, tmp_path):
    model = small()
    model.register_forward_pre_hook(lambda *_: torch.empty(1 << 55).fill_(0))
    with pytest.raises(ModelError, match="does not hold 4 pictures of 64 x 64") as error:
        train(model, samples, Recipe(epochs=1, **SHORT), tmp_path / "run")
    assert "--batch" in error.value.help


def test_an_interrupt_is_one_and_leaves_ctrl_c_as_it_was(samples, tmp_path):
    model, before = small(), signal.getsignal(signal.SIGINT)

    def interrupt(*_):
        raise KeyboardInterrupt

    model.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(model, samples, Recipe(epochs=1, **SHORT), tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "run" / "weights.pt").exists()


def test_a_frozen_backbone_stays_as_it_is_and_the_rest_learns(samples, tmp_path):
    model = small().eval()  # as a model that was evaluated before
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    train(model, samples, Recipe(epochs=1, ema=0, freeze_backbone=True, **SHORT), tmp_path / "run")
    changed = {path for path, tensor in model.state_dict().items() if not torch.equal(tensor, before[path])}
    assert not any(path.startswith("body.") for path in changed)
    assert any(path.startswith("bifpn.") and path.endswith("running_mean") for path in changed)


def test_a_folder_in_use_and_another_recipe_are_refused(samples, tmp_path):
    recipe = Recipe(epochs=1, **SHORT)
    train(small(), samples, recipe, tmp_path / "run")
    with pytest.raises(UsageError, match="in use"):
        train(small(), samples, recipe, tmp_path / "run")
    with pytest.raises(UsageError, match=r"has epochs 1, not 2"):
        train(small(), samples, Recipe(epochs=2, **SHORT), tmp_path / "run", resume=True)


def test_the_rate_follows_the_published_steps_and_the_cosine():
    assert [factor("steps", step, 350) for step in (0, 189, 190, 219, 220, 349)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    cosine = [factor("cosine", step, 1000) for step in range(1000)]
    assert cosine[0] == pytest.approx(1 / 51)
    assert max(cosine) == pytest.approx(1, abs=0.02)
    assert 45 <= int(np.argmax(cosine)) <= 51
    assert cosine[525] == pytest.approx(0.505, abs=0.005)  # half way down
    assert cosine[-1] == pytest.approx(0.01, abs=0.001)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Distillation(terms=("feature",)), "did you mean features"),
        (lambda: Recipe(schedule="linear"), "steps and cosine"),
        (lambda: Recipe(epochs=0), "more than 0"),
    ],
)
def test_settings_that_are_none_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)


def test_eight_pictures_are_learnt_by_heart(data, samples, tmp_path):
    torch.manual_seed(0)
    model = zoo_spec("v2").build()
    recipe = Recipe(epochs=70, batch=8, size=96, rate=5e-3, schedule="cosine", augment=False, ema=0)
    train(model, samples, recipe, tmp_path / "run")
    result, _ = evaluate_model(model.eval(), data, data / "ground_truth", settings=Settings(), subject="v2")
    assert [one.ap > 0.95 for one in result.difficulties] == [True] * 3


def test_the_command_trains_distils_and_what_it_writes_is_evaluated(data, tmp_path):
    def run(*words):
        result = CliRunner().invoke(main, [*map(str, words)])
        assert result.exit_code == 0, result.stderr
        return result

    usual = ("--data", data, "--epochs", 1, "--batch", 8, "--size", 64, "--seed", 4)
    run("train", "baseline", *usual, "--out", tmp_path / "teacher")
    teacher = tmp_path / "teacher" / "weights.pt"
    told = run("train", "v2", *usual, "--out", tmp_path / "run", "--teacher", teacher, "--terms", "kl,features")
    assert "v2 on 8 pictures, 1 steps" in told.stdout
    kept = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (kept["distillation"]["terms"], kept["seed"]) == (["kl", "features"], 4)
    weights = tmp_path / "run" / "weights.pt"
    result = run("evaluate", "v2", "--weights", weights, "--data", data, "--json", "-")
    assert 0 <= json.loads(result.stdout)["hard"]["ap"] <= 1
    again = run("train", "v2", *usual, "--out", tmp_path / "again", "--init", weights, "--freeze-backbone")
    assert "wrote" in again.stdout


def test_weights_of_another_model_are_no_beginning(data, tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    words = ("train", "v2", "--data", data, "--out", tmp_path / "run", "--init", tmp_path / "other.pt")
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == 2
    assert "not those of this model" in result.stderr
