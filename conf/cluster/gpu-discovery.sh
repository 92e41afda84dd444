#!/usr/bin/env bash
# Tells Spark which GPUs this machine (or container) has, as spark.worker.resource.gpu.discoveryScript
# and spark.executor.resource.gpu.discoveryScript want it: one line of JSON.
#   conf/cluster/gpu-discovery.sh   ->   {"name": "gpu", "addresses": ["0","1"]}
# An address is the GPU's index, which is what ONNX Runtime opens. Where MIG is in use, give each
# container its one slice and let it be index 0.
set -euo pipefail
addresses="$(nvidia-smi --query-gpu=index --format=csv,noheader | sed 's/.*/"&"/' | paste -sd, -)"
[ -n "$addresses" ] || { echo "gpu-discovery.sh: nvidia-smi names no GPU" >&2; exit 1; }
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
