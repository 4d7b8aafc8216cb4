"""From photographs to ages as one would write it with onnxruntime and OpenCV; `trainer bench predict` starts it.

    predict.py PHOTOGRAPHS GRAPHS AGE_WEIGHTS DETECTOR_WEIGHTS

The steps are those of the oracle (tests/oracle/walk.py), whose rules it uses. The networks run in onnxruntime, decoding, resizing
and straightening in OpenCV, and each core has a process of its own.
"""

import multiprocessing
import os
import pathlib
import sys

import cv2
import numpy

from peer import onnxruntime_session, serve

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import walk


def resized(picture, longest_side):
    longest = max(picture.shape[:2])
    wanted = min(longest_side, 2 * longest)
    if wanted == longest:
        return picture
    sides = [round(length * wanted / longest) for length in picture.shape[:2]]
    return cv2.resize(picture, sides[::-1], interpolation=cv2.INTER_AREA if wanted < longest else cv2.INTER_LINEAR)


def warped(picture, there, size):
    # The oracle's pixels have their middle at a half, OpenCV's at 0.
    a, b, x, y = there
    matrix = numpy.array([[a, -b, x + (a - b - 1) / 2], [b, a, y + (a + b - 1) / 2]])
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


walk.resized, walk.warped = resized, warped


class Detector(walk.Detector):
    def __init__(self, folder, graphs):
        super().__init__(folder)
        session = lambda name: onnxruntime_session(str(graphs / name), 1)[1]
        self.sessions = {320: session("first.onnx"), 128: session("first-near.onnx")}
        self.second.sessions = {128: session("second.onnx")}

    def answers(self, picture):
        side = picture.shape[0]
        planes = numpy.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1)[None], numpy.float32)
        answers = self.sessions[side].run(["answers"], {"input": planes})[0][0]
        counts = [(side // stride) ** 2 for stride in walk.STRIDES]
        levels = numpy.split(answers, numpy.cumsum(counts)[:-1])
        return [level.T.reshape(16, side // stride, -1) for level, stride in zip(levels, walk.STRIDES)]


class AgeNetwork(walk.AgeNetwork):
    def __init__(self, folder, graphs):
        super().__init__(folder)
        self.session = onnxruntime_session(str(graphs / "age.onnx"), 1)[1]

    def both_logits(self, crop):
        settings = self.manifest["input"]
        pair = numpy.stack([crop, crop[:, ::-1]]).astype(numpy.float32)
        pair = (pair - numpy.array(settings["mean"], numpy.float32)) / numpy.float32(settings["std"])
        # From [classifier, image, age] to an image after the other.
        return self.session.run(["logits"], {"input": numpy.ascontiguousarray(pair.transpose(0, 3, 1, 2))})[0].swapaxes(0, 1)


def begin(graphs, ages, detector):
    global LOOK
    cv2.setNumThreads(1)
    LOOK = Detector(detector, graphs), AgeNetwork(ages, graphs)


def years(path):
    """The main face's age, or -1."""
    seen = walk.look(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), *LOOK)
    found = None if seen["main"] is None else seen["faces"][seen["main"]]["years"]
    return -1.0 if found is None else found


def main(photographs, graphs, ages, detector):
    import onnxruntime

    files = sorted(str(path) for path in pathlib.Path(photographs).glob("*.jpg"))
    arguments = tuple(map(pathlib.Path, (graphs, ages, detector)))
    cores = len(os.sched_getaffinity(0))
    with multiprocessing.Pool(cores, begin, arguments) as pool:
        run = lambda: numpy.array(pool.map(years, files, chunksize=16))
        serve(f"onnxruntime {onnxruntime.__version__} and OpenCV {cv2.__version__} in {cores} processes", run(), run)


if __name__ == "__main__":
    main(*sys.argv[1:])
