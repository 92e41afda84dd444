"""Writes the small graphs that work on the decoder's tensors without bringing them to Java.

Run by hand when this file changes (Debian's python3-onnx); the graphs are in the jar:

    /usr/bin/python3 make_graphs.py ../resources/io/github/pairloom/udfs/vlm

pick_caches   rows of a cache, their entries picked one by one
join_caches   the same of two caches, as one
pick_logits   rows of logits
top_logits    rows of logits, their largest values, and log(sum(exp(row / temperature)))
log_probs     the log-probability of one token in each of some rows, and the most likely one
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import TensorProto, helper

OPSET = 14  # as the demo model's; any ONNX Runtime since 1.10 runs it
TYPES = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def tensor(name: str, kind: int, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, *values: int):
    return helper.make_node(
        "Constant", [], [name], value=helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
    )


def flattened(source: str, rank: int):
    """`source` as rows of its last dimension: [..., width] to [all, width]."""
    return [
        helper.make_node("Shape", [source], [f"{source}_shape"]),
        constant(f"{source}_last", rank - 1),
        constant(f"{source}_any", -1),
        helper.make_node("Gather", [f"{source}_shape", f"{source}_last"], [f"{source}_width"]),
        helper.make_node(
            "Concat", [f"{source}_any", f"{source}_width"], [f"{source}_flat_shape"], axis=0
        ),
        helper.make_node("Reshape", [source, f"{source}_flat_shape"], [f"{source}_flat"]),
    ]


def picked_entries(side: str, kind: int):
    """Caches are [rows, heads, entries, width]; an index counts entries over all rows and heads."""
    nodes = flattened(side, 4)
    nodes.append(
        helper.make_node("Gather", [f"{side}_flat", f"{side}_index"], [f"{side}_picked"], axis=0)
    )
    inputs = [
        tensor(side, kind, f"{side}_rows", "heads", f"{side}_entries", "width"),
        tensor(f"{side}_index", TensorProto.INT32, f"{side}_new", "heads", "entries"),
    ]
    return nodes, inputs


def pick_caches(kind: int):
    nodes, inputs = picked_entries("a", kind)
    return nodes, inputs, [tensor("a_picked", kind, "a_new", "heads", "entries", "width")]


def join_caches(kind: int):
    a_nodes, a_inputs = picked_entries("a", kind)
    b_nodes, b_inputs = picked_entries("b", kind)
    join = helper.make_node("Concat", ["a_picked", "b_picked"], ["joined"], axis=0)
    joined = tensor("joined", kind, "new", "heads", "entries", "width")
    return [*a_nodes, *b_nodes, join], a_inputs + b_inputs, [joined]


def picked(kind: int):
    nodes = flattened("logits", 3)
    out = "rows" if kind == TensorProto.FLOAT else "rows_as_stored"
    nodes.append(helper.make_node("Gather", ["logits_flat", "index"], [out], axis=0))
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [out], ["rows"], to=TensorProto.FLOAT))
    inputs = [
        tensor("logits", kind, "batch", "sequence", "vocabulary"),
        tensor("index", TensorProto.INT64, "picked"),
    ]
    return nodes, inputs


def pick_logits(kind: int):
    nodes, inputs = picked(kind)
    return nodes, inputs, [tensor("rows", TensorProto.FLOAT, "picked", "vocabulary")]


def top_logits(kind: int, with_sums: bool):
    nodes, inputs = picked(kind)
    inputs.append(tensor("k", TensorProto.INT64, 1))
    nodes.append(helper.make_node("TopK", ["rows", "k"], ["values", "tokens"], axis=1))
    outputs = [
        tensor("values", TensorProto.FLOAT, "picked", "k"),
        tensor("tokens", TensorProto.INT64, "picked", "k"),
    ]
    if with_sums:
        inputs.append(tensor("temperature", TensorProto.FLOAT, "picked", 1))
        nodes.append(helper.make_node("Div", ["rows", "temperature"], ["scaled"]))
        nodes.append(
            helper.make_node("ReduceLogSumExp", ["scaled"], ["log_sum"], axes=[1], keepdims=0)
        )
        outputs.append(tensor("log_sum", TensorProto.FLOAT, "picked"))
    return nodes, inputs, outputs


def log_probs(kind: int):
    nodes, inputs = picked(kind)
    inputs.append(tensor("targets", TensorProto.INT64, "picked", 1))
    nodes += [
        helper.make_node("GatherElements", ["rows", "targets"], ["target_logits"], axis=1),
        helper.make_node("ReduceLogSumExp", ["rows"], ["log_sum"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["target_logits", "log_sum"], ["log_probs"]),
        # The lowest id among equals, as everywhere.
        helper.make_node("ArgMax", ["rows"], ["likeliest"], axis=1, keepdims=0),
    ]
    outputs = [
        tensor("log_probs", TensorProto.FLOAT, "picked", 1),
        tensor("likeliest", TensorProto.INT64, "picked"),
    ]
    return nodes, inputs, outputs


def write(path: Path, name: str, nodes, inputs, outputs) -> None:
    graph = helper.make_graph(nodes, name, inputs, outputs)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="pairloom"
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder to write to")
    folder = parser.parse_args().output
    for suffix, kind in TYPES.items():
        for name, graph in {
            "pick_caches": pick_caches(kind),
            "join_caches": join_caches(kind),
            "pick_logits": pick_logits(kind),
            "top_logits": top_logits(kind, with_sums=False),
            "top_logits_with_sums": top_logits(kind, with_sums=True),
            "log_probs": log_probs(kind),
        }.items():
            write(folder / f"{name}.{suffix}.onnx", name, *graph)


if __name__ == "__main__":
    main()
