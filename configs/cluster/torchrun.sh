#!/bin/sh
# Trains on all GPUs of a machine:
#     configs/cluster/torchrun.sh fit -c ce_music.yaml
# or of several, by the same command on each, where MASTER is one of them and all see the folders of data and results:
#     NODES=2 MASTER=machine1 configs/cluster/torchrun.sh fit -c ce_music.yaml
# An interrupted training goes on by the same command. GPUS=2 takes fewer than all GPUs of each machine. Where machines
# do not find each other, NCCL_SOCKET_IFNAME names the network interface.
set -eu
: "${NODES:=1}" "${GPUS:=$(nvidia-smi --list-gpus | wc -l)}"
if [ "$NODES" -gt 1 ]; then
    meeting="--rdzv-backend=c10d --rdzv-id=audio_inpaint --rdzv-endpoint=$MASTER:29500"
else
    meeting=--standalone
fi
command=$1
shift
# Batch norms are synchronised, so that a training is the same on any number of GPUs.
# shellcheck disable=SC2086
exec python -m torch.distributed.run --nnodes="$NODES" --nproc-per-node="$GPUS" $meeting -m audio_inpaint.train \
    "$command" --trainer.num_nodes="$NODES" --trainer.devices="$GPUS" --trainer.strategy=ddp \
    --trainer.sync_batchnorm=true "$@"
