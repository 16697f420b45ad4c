"""Stand-ins for graphs: communities whose words tell their topic, as citation networks are kept."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TOPICS = 7


def communities(nodes: int, words: int = 140) -> tuple[Any, Any, Any]:
    """Return words (nodes, words) of 0 and 1, topics (nodes,), and edges (edges, 2)."""
    draw = np.random.default_rng(0)
    topics = draw.integers(0, TOPICS, nodes)
    likely = np.full((TOPICS, words), 0.03)
    for topic in range(TOPICS):
        likely[topic, topic * 20 : topic * 20 + 20] = 0.25
    features = (draw.random((nodes, words)) < likely[topics]).astype(np.int64)
    features[np.arange(nodes), topics * 20] |= features.sum(1) == 0  # none is empty
    pairs = draw.integers(0, nodes, (nodes * 12, 2))
    near = (topics[pairs[:, 0]] == topics[pairs[:, 1]]) | (draw.random(len(pairs)) < 0.04)
    return features, topics, pairs[near & (pairs[:, 0] != pairs[:, 1])]


def citations(folder: str, nodes: int = 2000) -> Callable[[Path], None]:
    """Write `cora.content` and `cora.cites`."""

    def write(root: Path) -> None:
        features, topics, edges = communities(nodes)
        place = root / folder
        place.mkdir(parents=True, exist_ok=True)
        lines = [
            "\t".join([str(at), *map(str, row), f"topic{topics[at]}"])
            for at, row in enumerate(features)
        ]
        (place / "cora.content").write_text("\n".join(lines) + "\n")
        (place / "cora.cites").write_text("\n".join(f"{a}\t{b}" for a, b in edges) + "\n")

    return write


def planetoid(folder: str, nodes: int = 1400) -> Callable[[Path], None]:
    """Write the raw files `ind.cora.*`: 140 labeled nodes, 500 to choose by, 500 to test."""

    def write(root: Path) -> None:
        import scipy.sparse as sp

        features, topics, edges = communities(nodes)
        one_hot = np.eye(TOPICS, dtype=np.int32)[topics]
        rows = sp.csr_matrix(features.astype(np.float32))
        known = nodes - 500
        graph: dict[int, list[int]] = {at: [] for at in range(nodes)}
        for a, b in edges.tolist():
            graph[a].append(b)
            graph[b].append(a)
        place = root / folder
        place.mkdir(parents=True, exist_ok=True)
        kept = {
            "x": rows[:140],
            "tx": rows[known:],
            "allx": rows[:known],
            "y": one_hot[:140],
            "ty": one_hot[known:],
            "ally": one_hot[:known],
            "graph": graph,
        }
        for name, value in kept.items():
            (place / f"ind.cora.{name}").write_bytes(pickle.dumps(value))
        (place / "ind.cora.test.index").write_text("\n".join(map(str, range(known, nodes))) + "\n")

    return write


def molecules(folder: str, name: str, count: int = 180) -> Callable[[Path], None]:
    """Write graphs as the TU collection keeps them: rings, or trees; labels say which."""

    def write(root: Path) -> None:
        draw = np.random.default_rng(0)
        place = root / folder / name / "raw"
        place.mkdir(parents=True, exist_ok=True)
        edges, owner, kinds, labels, first = [], [], [], [], 1
        for graph in range(count):
            size, ring = int(draw.integers(8, 16)), graph % 2
            links = [
                (at, at + 1 if ring else int(draw.integers(0, at + 1))) for at in range(size - 1)
            ]
            links = [(a, b) if ring else (a + 1, b) for a, b in links] + [(size - 1, 0)] * ring
            edges += [f"{first + a}, {first + b}\n{first + b}, {first + a}" for a, b in links]
            owner += [str(graph + 1)] * size
            kinds += [str(int(k)) for k in draw.integers(0, 3, size)]
            labels.append(str(ring))
            first += size
        for part, lines in (
            ("A", edges),
            ("graph_indicator", owner),
            ("graph_labels", labels),
            ("node_labels", kinds),
        ):
            (place / f"{name}_{part}.txt").write_text("\n".join(lines) + "\n")

    return write
