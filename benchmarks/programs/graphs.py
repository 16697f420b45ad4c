"""Graph networks."""

from benchmarks.programs import graphs_data
from benchmarks.programs.program import Program

PYG = ("pyg-team/pytorch_geometric", "5c6461b2305ad068a6d61165b3c55852a11aaa41")
GCN = ("tkipf/pygcn", "1600b5b748b3976413d1e307540ccc62605b4d6d")
GAT = ("Diego999/pyGAT", "3664f2dc90cbf971564c0bf186dc794f12446d0c")


def pyg(name: str, *options: str, molecules: str = "") -> Program:
    """Return an example of PyTorch Geometric on a stand-in for Cora, or for molecules."""
    place = f"examples/{name}.py"
    stand_ins = (
        (
            graphs_data.molecules("data/TU", molecules),
            graphs_data.molecules(f"data/{molecules}", molecules),
        )
        if molecules
        else tuple(graphs_data.planetoid(f"data/{x}/Cora/raw") for x in ("Planetoid", "Cora"))
    )
    title = f"pyg {name}" + (" variational" if "--variational" in options else "")
    return Program(title, "graph", *PYG, (place, *options), files=(place,), data=stand_ins)


PROGRAMS = (
    *(pyg(name, "--epochs", "60") for name in ("gcn", "gat")),
    pyg("autoencoder", "--epochs", "100"),
    pyg("autoencoder", "--variational", "--epochs", "100"),
    *(pyg(name) for name in ("agnn", "arma", "sgc", "tagcn", "infomax_transductive", "link_pred")),
    *(pyg(name) for name in ("super_gat", "dna")),
    pyg("mutag_gin", "--epochs", "20", molecules="MUTAG"),
    Program(
        "pygcn",
        "graph",
        *GCN,
        ("pygcn/train.py", "--no-cuda", "--epochs", "60"),
        path=(".",),
        folder=".",
        data=(
            graphs_data.citations("data/cora", 1600),
            graphs_data.citations("../data/cora", 1600),
        ),
    ),
    Program(
        "pyGAT",
        "graph",
        *GAT,
        ("train.py", "--no-cuda", "--epochs", "10"),
        files=("*.py",),
        data=(graphs_data.citations("data/cora", 1600),),
    ),
)
