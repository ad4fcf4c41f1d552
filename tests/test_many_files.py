"""A folder of many files costs memory for one of them, and one look at each before the work."""

import argparse
import gc
import os
import tracemalloc
import weakref
from collections import Counter
from pathlib import Path

import pytest
import torch
from test_cli import RATE, damaged, run

from audio_inpaint.commands import inpaint, inpaint_plan
from audio_inpaint.gaps import Gap
from audio_inpaint.report import Item, Report
from audio_inpaint.training.deep_prior_jobs import jobs


def test_nothing_of_a_file_is_in_memory_when_the_next_one_is_reported(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name in "abc":
        damaged(tmp_path / "in" / f"{name}.wav")
    seen, add = [], Report.add

    def watched(report, item):
        gc.collect()
        assert not [one for one in seen if one() is not None]
        seen.extend(weakref.ref(one) for one in (item, item.damaged, *item.restored.values()))
        add(report, item)

    monkeypatch.setattr(Report, "add", watched)
    arguments = ["--gaps", "6000:6480", "--report", "--method", "silence"]
    assert run("inpaint", tmp_path / "in", "-o", tmp_path / "out", *arguments) == 0
    assert len(seen) == 3 * 3


def test_pages_wait_on_the_disk(tmp_path):
    noise = 0.1 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))
    with Report(tmp_path / "report.html") as report:
        tracemalloc.start()
        try:
            held = []
            for number in range(4):
                report.add(Item(f"{number}", RATE, noise, {"m": noise}, [Gap(6000, 6480)]))
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        report.write()
    page = (tmp_path / "report.html").stat().st_size / 4
    assert page > 60_000
    assert held[3] - held[0] < page / 4  # of three pages


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a function that fills a folder with so many files, each with a list of gaps and a truth."""
    monkeypatch.chdir(tmp_path)

    def made(count):
        place = tmp_path / str(count)
        for name in ("in", "gaps", "truth"):
            (place / name).mkdir(parents=True)
        for number in range(count):
            (place / "in" / f"{number:04}.wav").touch()
            (place / "gaps" / f"{number:04}.txt").touch()
            (place / "truth" / f"{number:04}.wav").touch()
        return place

    return made


def planned_inpaint(place):
    parser = argparse.ArgumentParser()
    inpaint.add_command(parser.add_subparsers())
    options = [f"{place}/in", "-o", f"{place}/out", "--gaps", f"{place}/gaps", "--truth", f"{place}/truth", "--report"]
    found, *_ = inpaint_plan.plan(parser.parse_args(["inpaint", *options, "--labels", f"{place}/labels"]))
    return found


def planned_deep_prior(place):
    return jobs(f"{place}/in", f"{place}/out", f"{place}/gaps", f"{place}/truth")


@pytest.mark.parametrize("plan", [planned_inpaint, planned_deep_prior])
def test_files_are_planned_in_linear_time(folder, monkeypatch, plan):
    """By the calls to the system and the comparisons of paths: a quadratic plan makes 100 times as many of 10 times."""
    counts = Counter()

    def counted(owner, name):
        real = getattr(owner, name)

        def call(*arguments, **options):
            counts[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, name in [(os, "stat"), (os, "lstat"), (os, "scandir"), (os, "listdir"), (Path, "__eq__")]:
        counted(owner, name)
    totals = {}
    for count in (20, 100, 180):
        place = folder(count)
        counts.clear()
        assert len(plan(place)) == count
        totals[count] = dict(counts)
    assert totals[180]["stat"] > 180
    for name, most in totals[180].items():
        steps = totals[100].get(name, 0) - totals[20].get(name, 0), most - totals[100].get(name, 0)
        assert abs(steps[1] - steps[0]) <= 0.1 * max(steps) + 5, (name, totals)
