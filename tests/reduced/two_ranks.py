"""What `test_distributed_ranks` lets two processes do: train on digits, and on broken images, then a command.

Run as ``torchrun --nproc-per-node 2 two_ranks.py DATA OUT COMMAND...``, once for all tests: starting two
processes costs more than what they do here. The words of the command are those after ``burstprop``. Each
process leaves OUT/<rank>.json.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import torch

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced.data import open_dataset
from burstprop.reduced.data.dataset import ReadOptions
from burstprop.reduced.networks import network_spec
from burstprop.reduced.train.distributed import Group, join
from burstprop.reduced.train.evaluation import evaluate_checkpoint
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Options, train

SIZE = 8
RULES = ("burstprop", "burstccn")


def learn_digits(rule: str, out: Path, group: Group) -> dict:
    """Train with a rule for two epochs of 1,259 images in batches of 32; the last has 11, two unequal shares."""
    plan = Plan(rule, dataclasses.replace(setting(rule, "digits"), epochs=2), seed=1)
    return train(plan, open_dataset("digits"), out / rule, group=group)


def plan() -> Plan:
    chosen = dataclasses.replace(
        setting("backprop", "imagenet"), network=network_spec("digits"), batch_size=6, epochs=2, lr=0.1,
        schedule="constant", warmup_epochs=0.0,
    )  # fmt: skip
    return Plan("backprop", chosen, seed=3, image_size=SIZE)


def work(data: Path, out: Path, group: Group) -> dict[str, dict]:
    """Train with a folder for each process, as machines without a shared one have it, and test."""
    dataset = open_dataset("imagenet", data, ReadOptions(image_size=SIZE))
    options = Options(on_broken="skip", layers=False)
    trained = train(plan(), dataset, out / str(group.rank), options=options, group=group)
    tested, _ = evaluate_checkpoint(out / "0", data, group=group, on_broken="skip")
    return {"trained": trained, "tested": tested}


if __name__ == "__main__":
    torch.set_num_threads(1)
    data, out, *words = sys.argv[1:]
    data, out = Path(data), Path(out)
    with join("cpu") as group:
        said: dict = {rule: learn_digits(rule, out, group) for rule in RULES}
        said |= work(data, out, group)
        try:
            dataset = open_dataset("imagenet", data, ReadOptions(image_size=SIZE))
            train(plan(), dataset, out / str(group.rank), resume=True, group=group)
        except BurstpropError as error:
            said["resumed"] = str(error)
    (out / f"{group.rank}.json").write_text(json.dumps(said))
    sys.exit(main(words))  # the last: a command that several processes share ends them
