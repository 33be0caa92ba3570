"""WIDER FACE's ground truth and predictions as files, and its protocol as a plain loop, from its definition alone."""

from __future__ import annotations

import numpy as np
from scipy.io import savemat

LISTS = ("easy", "medium", "hard")


def cells(items):
    """A MATLAB cell array of one column, as the data set's own files have them."""
    made = np.empty((len(items), 1), dtype=object)
    for place, item in enumerate(items):
        made[place, 0] = item
    return made


def write_truth(folder, events):
    """``events``: event -> picture -> (boxes, {list: indices from 1}); written as the four files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "event_list": cells([*events]),
        "file_list": cells([cells([*pictures]) for pictures in events.values()]),
    }
    boxes = [
        cells([np.array(boxes, float).reshape(-1, 4) for boxes, _ in pictures.values()]) for pictures in events.values()
    ]
    savemat(folder / "wider_face_val.mat", {**names, "face_bbx_list": cells(boxes)})
    for name in LISTS:
        kept = [
            cells([np.array(counted[name], np.uint16).reshape(-1, 1) for _, counted in pictures.values()])
            for pictures in events.values()
        ]
        savemat(folder / f"wider_{name}_val.mat", {**names, "gt_list": cells(kept)})


def write_predictions(folder, events):
    """``events``: event -> picture -> rows of left, top, width, height, score."""
    for event, pictures in events.items():
        (folder / event).mkdir(parents=True, exist_ok=True)
        for name, rows in pictures.items():
            lines = [name, str(len(rows)), *(" ".join(str(float(number)) for number in row) for row in rows)]
            (folder / event / f"{name}.txt").write_text("\n".join(lines) + "\n")


def overlap(a, b):
    """Intersection over union of two boxes (left, top, width, height) whose last pixel belongs to them."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]) + 1
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]) + 1
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(x + w - x + 1) * (y + h - y + 1) for x, y, w, h in (a, b)]
    return wide * high / (areas[0] + areas[1] - wide * high)


def naive_ap(events, predictions, which, *, by_score=True):
    """The average precision of one list, threshold by threshold and prediction by prediction."""
    scores = [row[4] for pictures in predictions.values() for rows in pictures.values() for row in rows]
    low, span = (min(scores), max(scores) - min(scores)) if scores else (0, 0)
    given, faces = [], 0
    for event, pictures in events.items():
        for name, (boxes, counted) in pictures.items():
            faces += len(counted[which])
            rows = predictions.get(event, {}).get(name, [])
            if by_score:
                rows = sorted(rows, key=lambda row: -row[4])
            if len(boxes) and rows:
                given.append((rows, boxes, {index - 1 for index in counted[which]}))
    counts = [operating_point(given, low, span or 1, 1 - t / 1000) for t in range(1, 1001)]
    curve = [(right / faces, right / (right + wrong) if right + wrong else 0.0) for right, wrong in counts]
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(curve):
        area += (recall - before) * max(precision for _, precision in curve[place:])
        before = recall
    return area


def operating_point(given, low, span, threshold):
    """Hits and wrong predictions at one threshold."""
    right = wrong = 0
    for rows, boxes, counted in given:
        reaching = [k for k, row in enumerate(rows) if (row[4] - low) / span >= threshold]
        found = set()
        for row in rows[: reaching[-1] + 1] if reaching else []:
            table = [overlap(row[:4], box) for box in boxes]
            best = table.index(max(table))
            if max(table) < 0.5:
                wrong += 1
            elif best in counted:
                wrong += best in found
                right += best not in found
                found.add(best)
    return right, wrong
