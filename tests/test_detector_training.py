"""Photos with corners to a detector: pasted plates, samples, a run that resumes, and what it refuses."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.detection import NetworkDetector
from plate_ocr.detection.closer import WINDOW, read_corners
from plate_ocr.detection.grid import GREY
from plate_ocr.detection.quads import length
from plate_ocr.labels import LabelError, read_photos
from plate_ocr.model_store import ModelError, open_detector
from plate_ocr.photos import load
from plate_ocr.synthesis.pasted import paste, place
from tests.conftest import SAMPLE

SCENES = SAMPLE / "scenes" / "labels.csv"


def test_a_pasted_plate_shows_inside_its_corners_and_nowhere_far_from_them() -> None:
    rng = np.random.default_rng(3)
    for seed in range(20):
        photo = np.full((200, 300), 100, np.uint8)
        plate = np.full((60, 240), 250, np.uint8)
        quad = place(4.0, 120, (150, 100), np.random.default_rng(seed), steep=0.5)
        paste(photo, plate, quad, rng)
        inside = np.zeros_like(photo)
        cv2.fillConvexPoly(inside, np.round(quad).astype(np.int32), 1)
        core, rim = cv2.erode(inside, np.ones((5, 5))), cv2.dilate(inside, np.ones((25, 25)))
        assert (photo[core > 0] != 100).mean() > 0.9
        assert (photo[rim == 0] == 100).all()


@pytest.mark.train
class TestTraining:
    """With the train extra."""

    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        pytest.importorskip("tensorflow", reason="training needs the train extra")
        pytest.importorskip("albumentations", reason="training needs the train extra")

    @pytest.fixture
    def config(self, tmp_path_factory: pytest.TempPathFactory) -> Any:
        from plate_ocr.training.detector.config import DetectorArchitecture, DetectorConfig

        folder = tmp_path_factory.mktemp("free")
        cv2.imwrite(str(folder / "free.png"), np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8))
        (folder / "free.csv").write_text("image_path\nfree.png\n")
        return DetectorConfig(
            scenes=(str(SCENES),),
            backgrounds=(str(folder / "free.csv"),),
            regions=(("kr", 1.0), ("de", 1.0)),
            grow=(("scenes", 1.1, 1.2),),
            bank=6,
            size=128,
            epochs=2,
            steps=2,
            batch=2,
            warmup=1,
            architecture=DetectorArchitecture(channels=(4, 4, 8, 8, 8), residual=(0, 0, 0, 0, 1)),
        )

    def test_samples_come_from_their_seed_and_hold_plates(self, config: Any) -> None:
        from plate_ocr.training.detector.samples import DetectorSamples
        from plate_ocr.training.detector.scenes import read_backgrounds, read_scenes

        samples = DetectorSamples(config, read_scenes(config, ()), read_backgrounds(config, ()))
        photos, (small, large) = samples.batch(0, 1)
        again, _ = samples.batch(0, 1)
        other, _ = samples.batch(1, 1)
        assert photos.shape == (2, 128, 128)
        assert small.shape == (2, 16, 16, 12)
        assert large.shape == (2, 4, 4, 12)
        np.testing.assert_array_equal(photos, again)
        assert (photos != other).any()
        drawn = [samples.draw(np.random.default_rng(i)) for i in range(30)]
        assert sum(len(piece.plates) for piece in drawn) > 10
        # Only a photo in which plates are labelled can hide one that is not.
        assert {piece.partly for piece in drawn} == {True, False}

    def test_a_plate_may_fill_the_photo_and_signs_are_no_plates(
        self, config: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from plate_ocr.training.detector import samples as module
        from plate_ocr.training.detector.scenes import read_scenes

        def pieces(**shares: float) -> list[Any]:
            for name, share in shares.items():
                monkeypatch.setattr(module, name, share)
            samples = module.DetectorSamples(config, read_scenes(config, ()), ())
            return [samples.draw(np.random.default_rng(i)) for i in range(30)]

        plain = pieces(CLOSE_UP=0.0, SIGNS=0.0, QUARTER=0.0)
        signs = pieces(SIGNS=1.0)
        assert sum((a.photo != b.photo).any() for a, b in zip(plain, signs, strict=True)) > 10
        for a, b in zip(plain, signs, strict=True):
            np.testing.assert_array_equal(a.plates, b.plates)
        close = [piece for piece in pieces(SIGNS=0.0, CLOSE_UP=1.0) if len(piece.plates)]
        assert len(close) > 10
        for piece in close:
            # Nothing but the plate and a rim: what is beyond is empty, and the plate reaches nearly as far.
            reach = np.argwhere(piece.photo != GREY).max(axis=0)[::-1] + 1
            far = max((quad.max(axis=0) for quad in piece.plates), key=lambda corner: float(corner[0]))
            assert (reach - far < 0.25 * far[0]).all()

    def test_a_share_of_the_pieces_is_hard_and_keeps_its_plates(self, config: Any) -> None:
        import dataclasses

        from plate_ocr.training.detector.samples import DetectorSamples
        from plate_ocr.training.detector.scenes import read_scenes
        from plate_ocr.training.run_config import ConfigError

        plain, hard = (
            DetectorSamples(dataclasses.replace(config, hardship=share), read_scenes(config, ()), ()).draw(
                np.random.default_rng(3)
            )
            for share in (0.0, 1.0)
        )
        assert np.abs(plain.photo.astype(int) - hard.photo).mean() > 1
        assert len(plain.plates) == len(hard.plates)
        with pytest.raises(ConfigError, match="hardship is a share"):
            dataclasses.replace(config, hardship=1.5)

    def test_drawn_corners_count_more_than_boxes_drawn_by_hand(self, config: Any) -> None:
        from plate_ocr.training.detector.samples import DetectorSamples
        from plate_ocr.training.detector.scenes import read_backgrounds, read_scenes

        for given, seen in (
            ((read_scenes(config, ()), ()), {np.float32(config.boxed), 1}),
            (((), read_backgrounds(config, ())), {1}),
        ):
            samples = DetectorSamples(config, *given)
            pieces = [samples.draw(np.random.default_rng(i)) for i in range(30)]
            assert {float(t) for piece in pieces for t in piece.trust} == {float(t) for t in seen}

    def test_the_closer_look_is_trained_on_windows_about_plates(self, config: Any) -> None:
        import dataclasses

        from plate_ocr.training.detector.samples import DetectorSamples
        from plate_ocr.training.detector.scenes import read_backgrounds, read_scenes
        from plate_ocr.training.detector.windows import LONG

        config = dataclasses.replace(config, closer=True, batch=40, size=256)
        samples = DetectorSamples(config, read_scenes(config, ()), read_backgrounds(config, ()))
        photos, (truths,) = samples.batch(0, 0)
        again, _ = samples.batch(0, 0)
        np.testing.assert_array_equal(photos, again)
        assert photos.shape == (40, WINDOW[1], WINDOW[0])
        assert truths.shape == (40, 20)
        plates = truths[truths[:, 16] == 1]
        assert 10 < len(plates) < 40
        finds, corners = (plates[:, i : i + 8].reshape(-1, 4, 2) for i in (0, 8))
        # The find is in the middle and LONG, if that is at most twice its size; the plate is near it.
        np.testing.assert_allclose(np.median(finds.mean(axis=1), axis=0), np.array(WINDOW) / 2, atol=8)
        assert np.median([length(find) for find in finds]) == pytest.approx(LONG, rel=0.3)
        off = np.linalg.norm(finds - corners, axis=-1)
        assert 1 < np.median(off) < 15

    def test_what_the_closer_look_reads_is_what_its_loss_is_about(self) -> None:
        import keras

        from plate_ocr.training.detector.closer import WEIGHT, CornerLoss
        from plate_ocr.training.detector.network import NEAR

        rng = np.random.default_rng(0)
        maps = rng.normal(size=(12, 16, 24, 13)).astype(np.float32)
        finds = (rng.normal(0, 30, (12, 4, 2)) + np.array(WINDOW) / 2).astype(np.float32)
        corners, scores = read_corners(maps, finds)
        plates = corners + rng.normal(0, 6, corners.shape).astype(np.float32)
        known = np.arange(12) % 2
        rest = np.stack([known, np.ones(12), known, np.zeros(12)], axis=1)
        truths = np.concatenate([finds.reshape(12, 8), plates.reshape(12, 8), rest], axis=1).astype(np.float32)
        losses = keras.ops.convert_to_numpy(CornerLoss(reduction=None)(truths, maps))
        distance = np.abs(corners - plates) / 32
        smooth = np.where(distance < NEAR, distance**2 / (2 * NEAR) + NEAR / 2, distance).mean(axis=(1, 2))
        right = np.where(known, scores, 1 - scores)
        np.testing.assert_allclose(losses, -np.log(right) * (1 - right) ** 2 + WEIGHT * known * smooth, rtol=1e-4)

    def test_corners_that_hug_the_characters_are_resized(self, config: Any) -> None:
        import dataclasses

        from plate_ocr.training.detector.scenes import read_scenes

        grown = read_scenes(config, ())[0].quads[0]
        plain = read_scenes(dataclasses.replace(config, grow=()), ())[0].quads[0]
        np.testing.assert_allclose(grown.mean(axis=0), plain.mean(axis=0), atol=0.01)
        ratio = [np.linalg.norm(grown[i] - grown[0]) / np.linalg.norm(plain[i] - plain[0]) for i in (1, 3)]
        assert ratio[0] == pytest.approx(1.1, abs=0.02)
        assert ratio[1] == pytest.approx(1.2, abs=0.03)

    def test_plates_without_a_label_are_learned_and_doubtful_ones_left_alone(self, config: Any, tmp_path: Path) -> None:
        import dataclasses

        from plate_ocr.training.detector.samples import DetectorSamples
        from plate_ocr.training.detector.scenes import read_scenes

        first = read_scenes(config, ())[0]
        name = "/".join(first.path.parts[-2:])
        header = "image_path,x1,y1,x2,y2,x3,y3,x4,y4,shows\n"
        more = tmp_path / "more.csv"
        config = dataclasses.replace(config, unlabelled=(str(more),), size=384)

        def counts(shows: str) -> tuple[int, int, list[Any]]:
            more.write_text(f"{header}{name},3,3,43,3,43,15,3,15,{shows}\n", encoding="utf-8")
            scene = next(scene for scene in read_scenes(config, ()) if scene.path == first.path)
            samples = DetectorSamples(config, [scene], ())
            return len(scene.quads), len(scene.perhaps), [samples.draw(np.random.default_rng(i)) for i in range(12)]

        known, doubtful, pieces = counts("plate")
        assert (known, doubtful) == (len(first.quads) + 1, 0)
        known, doubtful, unsure = counts("perhaps")
        assert (known, doubtful) == (len(first.quads), 1)
        # Whichever it is, the pieces are the same; what is asked there is not.
        for a, b in zip(pieces, unsure, strict=True):
            np.testing.assert_array_equal(a.photo, b.photo)
            assert len(a.plates) + len(a.ignored) == len(b.plates) + len(b.ignored)
        assert sum(len(piece.plates) for piece in pieces) > sum(len(piece.plates) for piece in unsure)
        with pytest.raises(LabelError, match=r"more\.csv:2: .*plate, or perhaps"):
            counts("certainly")
        name = "elsewhere/1.jpg"
        with pytest.raises(LabelError, match=r"more\.csv:2: no photo elsewhere/1\.jpg in .*labels\.csv"):
            counts("plate")

    @pytest.mark.usefixtures("eagerly")
    def test_a_run_resumes_exports_and_detects(self, config: Any, tmp_path: Path) -> None:
        import dataclasses

        from plate_ocr.training.detector.export import export_detector
        from plate_ocr.training.detector.fit import train_detector

        whole = train_detector(config, tmp_path / "whole", workers=0, say=lambda _: None)
        train_detector(dataclasses.replace(config, until=1), tmp_path / "parts", workers=0, say=lambda _: None)
        until = (tmp_path / "parts" / "config.json").read_text().replace('"until": 1', '"until": 0')
        (tmp_path / "parts" / "config.json").write_text(until)
        parts = train_detector(config, tmp_path / "parts", resume=True, workers=0, say=lambda _: None)
        for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        with (tmp_path / "parts" / "history.csv").open() as stream:
            assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]
        assert export_detector(tmp_path / "whole") < 1e-4
        detector = NetworkDetector(tmp_path / "whole", threshold=0.001)
        found = detector.detect(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8))
        assert all(0 <= detection.score <= 1 for detection in found)
        by_opencv = NetworkDetector(tmp_path / "whole", engine="opencv")
        for photo in (np.zeros((96, 128), np.uint8), np.full((64, 200), 200, np.uint8)):
            for ours, theirs in zip(detector.maps(photo, 1.0), by_opencv.maps(photo, 1.0), strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-4)

    @pytest.mark.usefixtures("eagerly")
    def test_a_closer_look_of_ones_own(self, config: Any, tmp_path: Path) -> None:
        import dataclasses

        from plate_ocr.training.detector.export import export_detector
        from plate_ocr.training.detector.fit import train_detector

        model = tmp_path / "model"
        shutil.copytree(open_detector().folder, model)
        own = dataclasses.replace(config, closer=True, epochs=1)
        train_detector(own, model / "closer", workers=0, say=lambda _: None)
        assert export_detector(model / "closer") < 1e-4
        photo = load(read_photos(SCENES)[0].path, grey=True)
        plain, shipped, with_own = (
            detector.detect(photo)
            for detector in (NetworkDetector(refine=False), NetworkDetector(), NetworkDetector(model))
        )
        assert plain
        assert len({str(found) for found in (plain, shipped, with_own)}) == 3
        with pytest.raises(ModelError, match="is for the closer look"):
            NetworkDetector(model / "closer")
        shutil.rmtree(model / "closer")
        shutil.copytree(open_detector().folder, model / "closer")
        with pytest.raises(ModelError, match="for whole photos, not one for the closer look"):
            NetworkDetector(model)

    def test_weights_of_another_architecture_are_refused(self, config: Any, tmp_path: Path) -> None:
        import dataclasses

        from plate_ocr.training.detector.fit import train_detector
        from plate_ocr.training.run_config import ConfigError

        with pytest.raises(ConfigError, match="weights of detector are of another architecture"):
            train_detector(dataclasses.replace(config, start="detector"), tmp_path / "run", workers=0)
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("table", "complaint"),
        [
            ("image_path,x1\na.jpg,3\n", "must be eight numbers"),
            ("path\na.jpg\n", "header with the columns image_path"),
            ("image_path,x1,y1,x2,y2,x3,y3,x4,y4\nno.jpg,1,1,9,1,9,9,1,9\n", "no.jpg: no such file"),
        ],
    )
    def test_an_unusable_table_is_told(self, tmp_path: Path, table: str, complaint: str) -> None:
        (tmp_path / "scenes.csv").write_text(table)
        command = ["train-detector", str(tmp_path / "scenes.csv"), "-o", str(tmp_path / "run"), "--workers", "0"]
        result = CliRunner().invoke(main, [*command, "--regions", "de", "--steps", "1", "--epochs", "1"])
        assert result.exit_code == 1
        assert complaint in result.output.replace("\n", " ")
        assert "Traceback" not in result.output


def test_a_detector_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelError, match=r"no model 'nobody'.*detector\.json"):
        NetworkDetector("nobody")
    result = CliRunner().invoke(main, ["recognize", str(SCENES.parent), "--detector", "nobody"])
    assert result.exit_code == 1
    assert "no model 'nobody'" in result.output
