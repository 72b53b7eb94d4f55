"""A committed file is what was committed, to the last bit, or it is said to be something else."""

import os
from dataclasses import replace

import pytest

from collector import engine
from collector.archive.local_archive import LEDGER_ID_FILE_NAME, LocalArchive
from collector.errors import CollectorError
from fakes.model_samples import build_batch

TIME = "TIMESTAMPTZ '2026-03-01 01:00:00Z' + INTERVAL 1 SECOND * i"
ALTERED = "its bytes are not those that were committed"


@pytest.fixture(scope="module")
def connection():
    opened = engine.open_engine()
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path):
    return LocalArchive(root=tmp_path / "archive")


def publish(connection, archive, uid="a", name="kkk-0000"):
    select = f"SELECT '{uid}' || i AS event_uid, {TIME} AS time FROM range(50) r (i)"
    staged = archive.stage_events(connection, select, name=name, batch=build_batch())
    (file,) = archive.publish_events(connection, staged, build_batch())
    return file, archive.root / file.path


def flip_bits(path, count):
    """Yield once for each of so many bits, the bit flipped."""
    sound = path.read_bytes()
    for n in range(count):
        bit = n * 8 * len(sound) // count + n % 8
        flipped = bytearray(sound)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        yield bit
    path.write_bytes(sound)


@pytest.mark.parametrize("count", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_each_flipped_bit_is_found(connection, archive, count):
    file, path = publish(connection, archive)
    unnoticed = [bit for bit in flip_bits(path, count) if not archive.describe_alteration(file)]

    assert [] == unnoticed
    assert archive.describe_alteration(file) is None
    assert archive.describe_damage(connection, file) is None


def test_a_flipped_bit_is_damage_whether_or_not_the_values_can_be_read(connection, archive):
    file, path = publish(connection, archive)
    unhashed = replace(file, sha256="")
    found = [
        (archive.describe_damage(connection, file), archive.describe_damage(connection, unhashed))
        for _ in flip_bits(path, 40)
    ]

    assert {ALTERED} == {with_hash for with_hash, _ in found}
    assert None in {without for _, without in found}, "only the hash tells of these"


def test_another_sound_file_of_the_same_size_is_not_the_one(connection, archive):
    file, path = publish(connection, archive)
    others = (publish(connection, archive, uid, name="lll-0000") for uid in "bcdefghijklmnop")
    other, other_path = next(one for one in others if one[0].bytes == file.bytes)
    other_path.replace(path)

    assert ALTERED == archive.describe_damage(connection, file)
    assert archive.describe_damage(connection, replace(other, path=file.path)) is None


def turn_into_pipe(path):
    path.unlink()
    os.mkfifo(path)


def turn_into_link(path):
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def turn_into_link_to_pipe(path):
    turn_into_pipe(path)
    turn_into_link(path)


def turn_into_folder(path):
    path.unlink()
    path.mkdir()


def turn_into_link_to_nothing(path):
    path.unlink()
    path.symlink_to("nothing")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (turn_into_pipe, "it is no file"),
        (turn_into_folder, "it is no file"),
        (turn_into_link_to_pipe, "it is no file"),
        (turn_into_link_to_nothing, "it is not there"),
        (turn_into_link, None),
    ],
)
def test_what_lies_in_the_place_of_a_file_is_looked_at_before_it_is_opened(
    connection, archive, change, reason
):
    file, path = publish(connection, archive)
    change(path)

    assert reason == archive.describe_alteration(file)
    assert reason == archive.describe_damage(connection, file)


def test_a_pipe_that_takes_the_place_of_a_file_at_the_last_moment_is_not_waited_for(
    connection, archive
):
    file, path = publish(connection, archive)
    turn_into_pipe(path)

    with pytest.raises(OSError, match="it is no file"):
        archive.compute_hash(file)
    with pytest.raises(OSError, match="it is no file"):
        archive.read_found_file(connection, file.path)


def test_a_pipe_in_the_place_of_the_ledgers_id_is_said_to_be_damage(archive):
    archive.root.mkdir()
    os.mkfifo(archive.root / LEDGER_ID_FILE_NAME)

    with pytest.raises(CollectorError, match="does not hold the id of a ledger"):
        archive.read_ledger_id()
