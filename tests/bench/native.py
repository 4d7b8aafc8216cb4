"""One engine beside which the detector is timed: `trainer bench detector` starts it.

    native.py onnxruntime MODEL INPUT SIDE THREADS
    native.py opencv MODEL PICTURE SIDE THREADS CHECKED_SCORE LEAST_SCORE MOST_OVERLAP

Says what it is and what it finds, as one line of JSON; then runs once for each line it is given, and answers with the
milliseconds.
"""

import sys

import numpy

from peer import onnxruntime_session, serve


def onnxruntime(model, pixels, side, threads):
    version, session = onnxruntime_session(model, int(threads))
    pixels = numpy.fromfile(pixels, "<f4").reshape(1, 3, int(side), int(side))

    def run():
        return session.run(["answers"], {"input": pixels})[0]

    return version, run(), run


def opencv(model, picture, side, threads, checked_score, least_score, most_overlap):
    import cv2

    cv2.setNumThreads(int(threads))
    picture = cv2.imread(picture)
    # First everything it is at least this sure of, overlapping or not: that is compared with our answers.
    detector = cv2.FaceDetectorYN.create(model, "", (int(side), int(side)), float(checked_score), 1.0, 5000)
    found = detector.detect(picture)[1]
    detector.setScoreThreshold(float(least_score))
    detector.setNMSThreshold(float(most_overlap))

    def run():
        return detector.detect(picture)

    return f"OpenCV {cv2.__version__} FaceDetectorYN", numpy.empty(0) if found is None else found, run


def main():
    serve(*{"onnxruntime": onnxruntime, "opencv": opencv}[sys.argv[1]](*sys.argv[2:]))


main()
