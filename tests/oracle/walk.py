"""From a photograph to faces with ages, written a second time and in NumPy alone: the oracle of the tests `oracle` and
`drawn_photographs_have_the_expected_ages`. It shares no code with the crates and reads the shipped weights itself.

    cargo run -p tests --example pictures -- DIR        # draws the photographs
    python3 tests/oracle/walk.py DIR                    # writes tests/oracle/ages.json

To be run again after new weights, a new read-out, a change of the detector's settings or of the drawn photographs.
Needs NumPy and Pillow, which reads the PNG files.
"""

import copy
import hashlib
import json
import pathlib
import struct
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
WEIGHTS = HERE.parent.parent / "public" / "weights"

STRIDES = (8, 16, 32)
LEAST_VOTE, SAME_VOTE = 0.3, 0.5
# The second look: side of the cut-out square, the face's length in it, least score at the first look, least overlap.
SIDE, LENGTH, LEAST_AGAIN, SAME_AGAIN, MOST_AGAIN = 128, 72.0, 0.4, 0.35, 64
# What the first look's points and box weigh beside those of a second look with weights of its own.
POINTS_BESIDE, BOX_BESIDE = 1e-3, 0.5
UPRIGHT = np.array([[0.31, 0.46], [0.69, 0.46], [0.5, 0.64], [0.35, 0.82], [0.65, 0.82]])
# The search: faces that are small where they were found call for tiles, and so does a photograph without any; by how many
# pixels tiles share a border; the share of the smaller box in common from which two are one face; the least score of a face
# in tiles of an enlarged photograph, and in a turned one; the score from which the main face needs no other turn.
SMALL, SHARED, MOST_LEVELS, ONE_FACE, LEAST_ENLARGED, LEAST_TURNED, SURE = 24.0, 96, 3, 0.5, 0.82, 0.86, 0.9
LEAST_WIDTH, MOST_ASIDE, LEAST_APART = 24.0, 0.55, 0.45
# Doubt of ages: the face, then the crop, then the sum of what speaks for a large error.
LEAST_EYES, ASIDE, APART, COVERED, DARK, BLURRED = 24.0, 0.44, 0.65, 0.86, 45.0, 2.4
MOST_SUM, BY_APART, BY_SHARPNESS, SHARP = 6.7, 0.25, 0.2, 8.0
GIVEN_APART, GIVEN_DIVERGED, GIVEN_SOFT = 3.0, 0.25, 3.3
PAIRS = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)) + ((16, 1),) * 5 + ((32, 2), (32, 1))


def weights(folder):
    """Manifest and arrays of exported weights."""
    manifest = json.loads((folder / "manifest.json").read_text())
    data = (folder / manifest["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == manifest["sha256"], folder
    length = struct.unpack("<Q", data[:8])[0]
    arrays = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            kind = {"F16": np.float16, "F32": np.float32}[entry["dtype"]]
            arrays[name] = np.frombuffer(data[begin:end], kind).astype(np.float32).reshape(entry["shape"])
    return manifest, arrays


# Layers; a map is [channels, height, width].


def convolution(x, weight, bias, stride=1, padding=((0, 0), (0, 0))):
    """Each output channel reads all channels, or, where the kernel is one channel deep, its own."""
    side = weight.shape[-1]
    x = np.pad(x, ((0, 0), *padding))
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    if weight.shape[1] == 1 and x.shape[0] > 1:
        return np.einsum("chwij,cij->chw", windows, weight[:, 0]) + bias[:, None, None]
    return np.tensordot(weight, windows, axes=([1, 2, 3], [0, 3, 4])) + bias[:, None, None]


def halved(x):
    """The largest of each 2 x 2 pixels."""
    channels, height, width = x.shape
    return x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))


class Detector:
    def __init__(self, folder):
        self.manifest, self.arrays = weights(folder)
        self.settings = self.manifest["settings"]
        own = {name.removeprefix("second."): array for name, array in self.arrays.items() if name.startswith("second.")}
        # Looks again.
        self.second = self
        if own:
            self.second = copy.copy(self)
            self.second.arrays = own

    def named(self, name):
        return self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]

    def normalised(self, name, x):
        scale, shift = self.named(name)
        mean, variance = self.arrays[f"{name}.running_mean"], self.arrays[f"{name}.running_var"]
        scale = scale / np.sqrt(variance + 1e-5)
        return np.maximum(x * scale[:, None, None] + (shift - mean * scale)[:, None, None], 0)

    def unit(self, name, x):
        x = convolution(x, *self.named(f"{name}.conv1"))
        x = convolution(x, *self.named(f"{name}.conv2"), padding=((1, 1), (1, 1)))
        return self.normalised(f"{name}.bn", x) if f"{name}.bn.weight" in self.arrays else x

    def answers(self, picture):
        """One array [16, height, width] for each stride, to RGB pixels."""
        height, width = (-side % 32 for side in picture.shape[:2])
        planes = np.pad(picture[:, :, ::-1].astype(np.float32), ((0, height), (0, width), (0, 0))).transpose(2, 0, 1)
        x = convolution(planes, *self.named("backbone.model0.conv1"), stride=2, padding=((1, 1), (1, 1)))
        x = self.unit("backbone.model0.conv2", self.normalised("backbone.model0.bn1", x))
        stage = lambda index, x: self.unit(
            f"backbone.model{index}.conv2", self.unit(f"backbone.model{index}.conv1", x)
        )
        x = stage(2, stage(1, halved(x)))
        maps = [stage(3, halved(x))]
        maps.append(stage(4, halved(maps[0])))
        maps.append(stage(5, halved(maps[1])))
        for level in (2, 1, 0):
            if level < 2:
                maps[level] = maps[level] + maps[level + 1].repeat(2, axis=1).repeat(2, axis=2)
            maps[level] = self.unit(f"neck.lateral_convs.{level}", maps[level])
        found = []
        for level, x in enumerate(maps):
            x = self.unit(f"bbox_head.multi_level_share_convs.{level}.0", x)
            heads = [self.unit(f"bbox_head.multi_level_{head}.{level}", x) for head in ("cls", "bbox", "obj", "kps")]
            found.append(np.concatenate(heads))
        return found

    def heard(self, picture, least):
        """Faces as rows x, y, width, height, ten coordinates, score."""
        rows = []
        for stride, answer in zip(STRIDES, self.answers(picture)):
            y, x = np.mgrid[: answer.shape[1], : answer.shape[2]] * float(stride)
            probability = lambda logit: 1 / (1 + np.exp(-logit))
            score = np.sqrt(probability(answer[0]) * probability(answer[5]))
            width, height = np.exp(answer[3]) * stride, np.exp(answer[4]) * stride
            left, top = x + answer[1] * stride - width / 2, y + answer[2] * stride - height / 2
            points = answer[6:] * stride + np.stack([x, y] * 5)
            rows.append(np.stack([left, top, width, height, *points, score]).reshape(15, -1).T)
        rows = np.concatenate(rows)
        return rows[rows[:, 14] >= least]

    def distinct(self, faces):
        """From the surest down, those that overlap none before them."""
        kept = []
        for face in sorted(faces, key=lambda face: -face[14]):
            if all(overlap(face, other) <= self.settings["most_overlap"] for other in kept):
                kept.append(face)
        return kept

    def suppressed(self, faces):
        merged = []
        for face in self.distinct(faces):
            votes = np.array([v for v in faces if v[14] >= LEAST_VOTE and overlap(v, face) >= SAME_VOTE])
            if len(votes) > 1:
                face = np.append(np.average(votes[:, :14], axis=0, weights=votes[:, 14]), face[14])
            merged.append(face)
        return merged

    def first(self, picture, side, turn):
        """Faces in pixels of the picture, which is shrunk to a longer side and turned clockwise by quarters."""
        small = np.rot90(resized(picture, side), -turn)
        scale = max(picture.shape[:2]) / max(small.shape[:2])
        faces = self.suppressed(self.heard(small, min(self.settings["least_score"], LEAST_VOTE)))
        return [turned_back(scaled(face, scale), picture, turn) for face in faces]

    def sure(self, picture, faces, least=0.0):
        """Those that the second look confirms, in any order."""
        least, again = max(least, self.settings["least_score"]), self.settings.get("second_look")
        if again:
            faces = [face for face in faces if face[14] >= min(least, LEAST_AGAIN)][:MOST_AGAIN]
            faces = [self.again(picture, face) for face in faces]
        faces = [face for face in faces if face[14] >= least]
        # A second look that moves boxes may have laid two onto one face.
        return self.distinct(faces) if again and self.second is not self else faces

    def faces(self, picture):
        """All faces from left to right, in pixels of the picture; by how many quarters it is to be turned clockwise; and
        whether the main one seems to be turned all the same."""
        side = self.settings["longest_side"]
        faces, turn, upended = self.sure(picture, self.first(picture, side, 0)), 0, False
        main = main_face(faces, picture)
        scale = max(picture.shape[:2]) / max(resized(picture, side).shape[:2])
        late = main is not None and min(faces[main][2:4]) / scale < SMALL
        if not late:
            faces, turn, upended = self.turned(picture, faces)
        faces = self.closer(picture, faces, turn)
        if late:
            faces, turn, upended = self.turned(picture, faces)
            if turn:
                faces = self.closer(picture, faces, turn)
        return sorted(faces, key=lambda face: face[0]), turn, upended

    def turned(self, picture, faces):
        """Those of the picture turned, where it seems to be."""
        side, turn, main = self.settings["longest_side"], 0, main_face(faces, picture)
        upended = main is not None and self.upright(picture, faces[main]) is False
        if main is None or upended or faces[main][14] < SURE:
            own = 0.0 if main is None else faces[main][14]
            least = own if upended else max(own, LEAST_TURNED)
            for other in (1, 2, 3):
                seen = self.sure(picture, self.first(picture, side, other))
                best = main_face(seen, picture)
                if best is not None and seen[best][14] > least and self.upright(picture, seen[best]):
                    faces, turn, least, upended = seen, other, seen[best][14], False
        return faces, turn, upended

    def closer(self, picture, faces, turn):
        """And those that tiles show, for as long as faces are small. The first such look may enlarge the picture."""
        side, pixels = self.settings["longest_side"], max(picture.shape[:2])
        grown = min(side, 2 * pixels)
        for level in range(1, MOST_LEVELS + 1):
            longest = side * 2**level
            more_to_see = 2 * pixels > side if level == 1 else longest <= pixels
            if not more_to_see or not (min((min(face[2:4]) * grown / pixels for face in faces), default=0) < SMALL):
                break
            more = self.sure(picture, self.tiled(picture, longest, turn), LEAST_ENLARGED if longest > pixels else 0.0)
            faces, grown = one_each(faces + more), min(longest, 2 * pixels)
        return faces

    def tiled(self, picture, longest, turn):
        """The same of overlapping tiles as large as the first look's picture, without faces that an inner border cuts."""
        side = self.settings["longest_side"]
        whole = np.rot90(resized(picture, longest), -turn)
        scale = max(picture.shape[:2]) / max(whole.shape[:2])
        height, width = whole.shape[:2]
        found = []
        for top in starts(height, side):
            for left in starts(width, side):
                tile = np.ascontiguousarray(whole[top : top + side, left : left + side])
                for face in self.suppressed(self.heard(tile, min(self.settings["least_score"], LEAST_VOTE))):
                    inner = [left > 0, top > 0, left + side < width, top + side < height]
                    edges = [face[0] < 1, face[1] < 1, face[0] + face[2] > side - 1, face[1] + face[3] > side - 1]
                    if not any(a and b for a, b in zip(inner, edges)):
                        face = face.copy()
                        face[[0, 4, 6, 8, 10, 12]] += left
                        face[[1, 5, 7, 9, 11, 13]] += top
                        found.append(turned_back(scaled(face, scale), picture, turn))
        return one_each(found)

    def upright(self, picture, face):
        """Whether the cut-out face looks most like one as its points say, and not turned by a quarter or a half; None where
        no face is to be seen."""
        there, expected = cut_out(face)
        cut, scores = warped(picture, there, SIDE), []
        for quarters in range(4):
            look = np.ascontiguousarray(np.rot90(cut, -quarters))
            width, height = expected[2:] if quarters % 2 == 0 else expected[:1:-1]
            frame = (SIDE / 2 - width / 2, SIDE / 2 - height / 2, width, height)
            seen = self.suppressed(self.heard(look, LEAST_VOTE))
            scores.append(max((f[14] for f in seen if overlap(f, frame) >= SAME_AGAIN), default=0))
        return bool(scores[0] >= max(scores)) if max(scores) > 0 else None

    def again(self, picture, face):
        """The second look: the score is the mean over three looks; the points are so too, or, where the second look has
        weights of its own, the mean over its two. Then the box is a mean as well, with half the weight for the first."""
        points, (there, expected) = face[4:14].reshape(5, 2), cut_out(face)
        if there is None:
            return face
        cut, back = warped(picture, there, SIDE), inverse(there)
        own = self.second is not self
        total, score = face[14] * (POINTS_BESIDE if own else 1), face[14]
        sums = points * total
        boxes, weights = [framed(face)], [face[14] * BOX_BESIDE]
        for mirrored in (False, True):
            look = cut[:, ::-1] if mirrored else cut
            seen = [mirror(f) if mirrored else f for f in self.suppressed(self.second.heard(look, LEAST_VOTE))]
            best = max(seen, key=lambda f: overlap(f, expected), default=None)
            if best is not None and overlap(best, expected) >= SAME_AGAIN:
                score += best[14]
                total += best[14]
                sums = sums + moved(back, best[4:14].reshape(5, 2)) * best[14]
                x, y, width, height = framed(best)
                if abs(back[1]) > abs(back[0]):  # it lies on its side
                    width, height = height, width
                boxes.append([*moved(back, np.array([x, y])), *np.multiply([width, height], np.hypot(*back[:2]))])
                weights.append(best[14])
        frame = face[:4]
        if own:
            x, y, width, height = np.average(boxes, axis=0, weights=weights)
            frame = [x - width / 2, y - height / 2, width, height]
        return np.concatenate([frame, (sums / total).ravel(), [score / 3]])


def framed(face):
    """Middle, width and height of its box."""
    return [face[0] + face[2] / 2, face[1] + face[3] / 2, face[2], face[3]]


def cut_out(face):
    """The similarity that lays a face upright and always as large into the second look's square; its box there."""
    size, turn = max(face[2], face[3]), similarity(face[4:14].reshape(5, 2), UPRIGHT)
    if turn is None:
        return None, None
    a, b = turn[:2] * (LENGTH / size / np.hypot(*turn[:2]))
    x, y = face[0] + face[2] / 2, face[1] + face[3] / 2
    width, height = face[2] * LENGTH / size, face[3] * LENGTH / size
    there = np.array([a, b, SIDE / 2 - a * x + b * y, SIDE / 2 - b * x - a * y])
    return there, (SIDE / 2 - width / 2, SIDE / 2 - height / 2, width, height)


def scaled(face, factor):
    return np.append(face[:14] * factor, face[14])


def turned_back(face, picture, quarters):
    """A face of the picture turned clockwise by so many quarters, in pixels of the picture itself."""
    for done in range(quarters, 0, -1):
        height = picture.shape[0] if done % 2 else picture.shape[1]
        points = face[4:14].reshape(5, 2)
        points = np.stack([points[:, 1], height - points[:, 0]], 1)
        frame = [face[1], height - face[0] - face[2], face[3], face[2]]
        face = np.concatenate([frame, points.ravel(), face[14:]])
    return face


def starts(length, side):
    """Where tiles begin: evenly, as few as share at least SHARED pixels with their neighbours."""
    if length <= side:
        return [0]
    count = -(-(length - side) // (side - SHARED)) + 1
    return [(length - side) * index // (count - 1) for index in range(count)]


def one_each(faces):
    """Of boxes of one face the surest."""
    kept = []
    for face in sorted(faces, key=lambda face: -face[14]):
        if all(shared(face, other) < ONE_FACE for other in kept):
            kept.append(face)
    return kept


def shared(a, b):
    """Of two boxes what they have in common, in shares of the smaller one."""
    length = lambda axis: max(min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) - max(a[axis], b[axis]), 0)
    return length(0) * length(1) / max(min(a[2] * a[3], b[2] * b[3]), 1e-9)


def mirror(face):
    points = face[4:14].reshape(5, 2)[[1, 0, 2, 4, 3]] * [-1, 1] + [SIDE, 0]
    return np.concatenate([[SIDE - face[0] - face[2]], face[1:4], points.ravel(), face[14:]])


def overlap(a, b):
    shared = lambda axis: max(min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) - max(a[axis], b[axis]), 0)
    both = shared(0) * shared(1)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


# Similarities: x' = a x - b y + tx, y' = b x + a y + ty.


def similarity(points, onto):
    """By complex numbers: the least-squares factor of one centred list onto the other."""
    p, q = (np.asarray(list_, float) @ [1, 1j] for list_ in (points, onto))
    centred = p - p.mean()
    spread = (abs(centred) ** 2).sum()
    if spread <= np.finfo(float).eps:
        return None
    factor = (centred.conj() * (q - q.mean())).sum() / spread
    shift = q.mean() - factor * p.mean()
    return np.array([factor.real, factor.imag, shift.real, shift.imag])


def inverse(t):
    factor = 1 / (t[0] + 1j * t[1])
    shift = -factor * (t[2] + 1j * t[3])
    return np.array([factor.real, factor.imag, shift.real, shift.imag])


def moved(t, points):
    a, b, tx, ty = t
    return np.stack([a * points[..., 0] - b * points[..., 1] + tx, b * points[..., 0] + a * points[..., 1] + ty], -1)


def warped(picture, there, size):
    """The picture through a similarity; where it shrinks, each pixel is the mean of a grid of bilinear samples."""
    back = inverse(there)
    grid = int(np.clip(np.ceil(np.hypot(back[0], back[1])), 1, 16))
    at = (np.arange(size * grid) + 0.5) / grid
    points = moved(back, np.stack(np.meshgrid(at, at), -1))
    height, width = picture.shape[:2]
    x, y = np.clip(points[..., 0] - 0.5, 0, width - 1), np.clip(points[..., 1] - 0.5, 0, height - 1)
    left, top = x.astype(int), y.astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - fx) + picture[top, right] * fx
    lower = picture[below, left] * (1 - fx) + picture[below, right] * fx
    samples = upper * (1 - fy) + lower * fy
    return np.floor(samples.reshape(size, grid, size, grid, 3).mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def resized(picture, longest_side):
    """With a triangle filter, rows first; small pictures grow at most to twice their size."""
    longest = max(picture.shape[:2])
    wanted = min(longest_side, 2 * longest)
    if wanted == longest:
        return picture
    sides = [max((length * wanted + longest // 2) // longest, 1) for length in picture.shape[:2]]
    taps = [triangle(length, side) for length, side in zip(picture.shape[:2], sides)]
    return np.clip(np.floor(np.einsum("yh,xw,hwc->yxc", *taps, picture, optimize=True) + 0.5), 0, 255).astype(np.uint8)


def triangle(length, side):
    ratio = length / side
    support = max(ratio, 1.0)
    centre = (np.arange(side) + 0.5) * ratio
    weight = np.maximum(1 - abs(np.arange(length) + 0.5 - centre[:, None]) / support, 0)
    return weight / weight.sum(axis=1, keepdims=True)


def pose(face):
    """Distance of the eyes; nose from their middle, and that distance to the distance to the mouth, as shares."""
    left, right, nose, mouth_left, mouth_right = face[4:14].reshape(5, 2)
    across, down = right - left, (mouth_left + mouth_right - left - right) / 2
    eyes, length = np.hypot(*across), np.hypot(*down)
    return None if eyes == length == 0 else (eyes, abs((nose - (left + right) / 2) @ across / eyes**2), eyes / length)


def refusal(face):
    """Why a face gets no age."""
    if min(face[2], face[3]) < LEAST_WIDTH:
        return "small"
    turned = pose(face)
    if turned is None:
        return "degenerate"
    return None if turned[1] <= MOST_ASIDE and turned[2] >= LEAST_APART else "turned"


def caution(face, crop, pairs, shown):
    """Why an age is not to be trusted."""
    eyes, aside, apart = pose(face)
    if eyes < LEAST_EYES:
        return "few pixels"
    if aside > ASIDE or apart < APART:
        return "half turned"
    if face[14] < COVERED:
        return "covered"
    grey = crop @ np.array([0.299, 0.587, 0.114])
    if grey.mean() < DARK:
        return "dark"
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    sharpness = abs(4 * grey[1:-1, 1:-1] - around).mean()
    if sharpness < BLURRED:
        return "blurred"
    ages = np.arange(101)
    apart = abs(np.subtract(*(pair.mean(axis=0) @ ages for pair in pairs)))
    deviation = np.sqrt(shown @ (ages - shown @ ages) ** 2)
    if deviation + BY_APART * apart - BY_SHARPNESS * min(sharpness, SHARP) <= MOST_SUM:
        return None
    if apart > GIVEN_APART:
        return "classifiers"
    if sum((p * np.log(p / q)).sum() for p, q in pairs) > GIVEN_DIVERGED:
        return "mirror"
    return "blurred" if sharpness < GIVEN_SOFT else "wide"


def main_face(faces, picture):
    height, width = picture.shape[:2]

    def weight(index):
        x, y, w, h = faces[index][:4]
        away = np.hypot(x + w / 2 - width / 2, y + h / 2 - height / 2) / np.hypot(width / 2, height / 2)
        return np.sqrt(w * h) * max(1 - away, 0)

    return max(range(len(faces)), key=weight, default=None)


class AgeNetwork:
    """MobileNet-v1 with two classifiers whose rearranged convolution reads one pixel of the last map."""

    def __init__(self, folder):
        self.manifest, self.arrays = weights(folder)
        assert self.manifest["network"]["backbone"] == "mobilenet-v1", "this oracle knows MobileNet-v1"

    def layer(self, name, x, stride=1):
        weight, bias = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]
        side, length = weight.shape[-1], x.shape[1]
        every = max((-(-length // stride) - 1) * stride + side - length, 0)
        padding = (every // 2, every - every // 2)
        return np.clip(convolution(x, weight, bias, stride, (padding, padding)), 0, 6)

    def logits(self, crop):
        """Of the vanilla and of the balanced classifier, 101 each, for RGB pixels."""
        settings = self.manifest["input"]
        x = ((crop - np.array(settings["mean"])) / settings["std"]).transpose(2, 0, 1).astype(np.float32)
        x = self.layer("backbone.conv1", x, 2)
        for index, (_, stride) in enumerate(PAIRS):
            x = self.layer(f"backbone.pairs.{index}.depth", x, stride)
            x = self.layer(f"backbone.pairs.{index}.point", x)
        r = self.manifest["network"]["rearrange"]["r"]
        channels, height, width = x.shape
        patches = x.reshape(channels // r**2, r, r, height, width).transpose(0, 3, 1, 4, 2)
        patches = patches.reshape(channels // r**2, height * r, width * r)
        answers = []
        for head in ("vanilla", "balanced"):
            take = lambda name: self.arrays[f"{head}.{name}"]
            stride = self.manifest["network"]["rearrange"]["stride"]
            seen = convolution(patches, take("rearranged.conv.weight"), take("rearranged.conv.bias"), stride)
            hidden = seen.reshape(len(seen), -1) @ take("projection.pool.weight")[:, 0] + take("projection.pool.bias")
            answers.append(np.maximum(hidden, 0) @ take("last.weight") + take("last.bias"))
        return answers

    def both_logits(self, crop):
        """Of the crop and of its mirror image."""
        return [self.logits(crop), self.logits(crop[:, ::-1])]

    def estimate(self, crop):
        """The age; for each classifier its distributions of crop and mirror image; and the one that is shown."""
        heat = self.manifest.get("temperatures", {"vanilla": 1, "balanced": 1})
        both = self.both_logits(crop)
        pairs = []
        for index, head in enumerate(("vanilla", "balanced")):
            logits = np.array([side[index] for side in both], float) / heat[head]
            weight = np.exp(logits - logits.max(axis=1, keepdims=True))
            pairs.append(weight / weight.sum(axis=1, keepdims=True))
        divergence = [float((p * np.log(p / q)).sum()) for p, q in pairs]
        means = [pair.mean(axis=0) for pair in pairs]
        rule = self.manifest["routing"]
        if isinstance(rule, dict):
            share = np.array([value + 1e-4 for value in divergence]) ** -rule["mixture"]["power"]
            share = share[0] / share.sum()
        else:
            share = {"vanilla": 1, "balanced": 0, "smaller": float(divergence[0] < divergence[1])}[rule]
        assert self.manifest.get("readout", "mean") == "mean", "this oracle reads the mean"
        shown = share * means[0] + (1 - share) * means[1]
        return float(shown @ np.arange(101)), pairs, shown


def look(picture, detector, network):
    faces, turn, upended = detector.faces(picture)
    chosen, seen = main_face(faces, picture), []
    for index, face in enumerate(faces):
        reason, years = refusal(face), None
        if reason is None:
            size = network.manifest["input"]["size"]
            template = np.array(network.manifest["input"]["crop"]["landmarks"]) * size
            crop = warped(picture, similarity(face[4:14].reshape(5, 2), template), size)
            years, pairs, shown = network.estimate(crop)
            reason = "upended" if upended and index == chosen else caution(face, crop, pairs, shown)
        box = [round(float(value), 2) for value in face[:4]]
        seen.append({"box": box, "doubt": reason, "years": years and round(years, 3)})
    return {"turn": turn, "main": chosen, "faces": seen}


def main(folder):
    # Others who use these rules read pictures by themselves.
    from PIL import Image

    index = json.loads((WEIGHTS / "index.json").read_text())
    detector, network = Detector(WEIGHTS / index["detector"]), AgeNetwork(WEIGHTS / index["default"])
    pictures = {
        path.stem: look(np.array(Image.open(path).convert("RGB")), detector, network)
        for path in sorted(pathlib.Path(folder).glob("*.png"))
    }
    sums = {"detector": detector.manifest["sha256"], "network": network.manifest["sha256"]}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(seen)}" for name, seen in pictures.items())
    (HERE / "ages.json").write_text(f'{{"weights": {json.dumps(sums)},\n "pictures": {{\n{lines}\n}}}}\n')
    print(f"{len(pictures)} photographs in {HERE / 'ages.json'}")


if __name__ == "__main__":
    main(sys.argv[1])
