#!/bin/bash
#SBATCH --job-name=audio_inpaint
#SBATCH --nodes=2
#SBATCH --gpus-per-node=4
#SBATCH --ntasks-per-node=4       # one for each GPU
#SBATCH --cpus-per-task=6         # one more than the config's data.init_args.workers, at least
#SBATCH --time=24:00:00
#SBATCH --requeue                 # after a node fails, or another job takes its place
#SBATCH --signal=B:USR1@60        # a minute before the time is over, to this script and not to the training
#SBATCH --open-mode=append        # one log for all parts of a training
#
# Trains on several machines under SLURM, until it is done, however often the time runs out:
#     sbatch configs/cluster/slurm.sh fit -c ce_music.yaml
#     sbatch --nodes=1 --gpus-per-node=8 --ntasks-per-node=8 configs/cluster/slurm.sh fit -c ce_music.yaml
# All GPUs share the config's batch; docs/context_encoder.md says how many can, and how a larger one is trained.
# Each part goes on from the config's last checkpoint. Where machines do not find each other, NCCL_SOCKET_IFNAME names
# the network interface.
set -u
trap 'scontrol requeue "$SLURM_JOB_ID"' USR1
command=$1
shift
# Batch norms are synchronised, so that a training is the same on any number of GPUs.
srun --kill-on-bad-exit=1 python -m audio_inpaint.train "$command" --trainer.num_nodes="$SLURM_NNODES" \
    --trainer.devices="$SLURM_NTASKS_PER_NODE" --trainer.strategy=ddp --trainer.sync_batchnorm=true "$@" &
wait $!  # in the background: bash heeds a signal only while it waits
