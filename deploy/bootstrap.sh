#!/usr/bin/env bash
# Makes an empty Ubuntu 24.04 ready for the first deploy: Docker from Docker's own packages, /opt/assistant, security updates.
# Runs as root; may be run again. usage: bootstrap.sh [USER]   (USER deploys; ubuntu when absent)
set -euo pipefail

user=${1:-ubuntu}
[ "$(id -u)" = 0 ] || { echo "bootstrap: run it as root" >&2 && exit 1; }
id "$user" >/dev/null

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq ca-certificates curl unattended-upgrades

install -d -m 755 /etc/apt/keyrings
curl --fail --silent --show-error --location https://download.docker.com/linux/ubuntu/gpg -o /etc/apt/keyrings/docker.asc
cat >/etc/apt/sources.list.d/docker.sources <<SOURCES
Types: deb
URIs: https://download.docker.com/linux/ubuntu
Suites: $(sed --quiet "s/^VERSION_CODENAME=//p" /etc/os-release)
Components: stable
Architectures: $(dpkg --print-architecture)
Signed-By: /etc/apt/keyrings/docker.asc
SOURCES
apt-get update -qq
apt-get install -y -qq docker-ce docker-ce-cli containerd.io docker-compose-plugin
systemctl enable --now docker

# Whoever may speak to Docker is root on this machine: this user deploys and does nothing else.
usermod --append --groups docker "$user"
install -d -o "$user" -g "$user" -m 755 /opt/assistant

# 2 GB of swap, so that a burst on a small machine is slow rather than killed.
if [ ! -e /swapfile ]; then
  fallocate -l 2G /swapfile
  chmod 600 /swapfile
  mkswap /swapfile >/dev/null
  swapon /swapfile
  echo "/swapfile none swap sw 0 0" >>/etc/fstab
fi

cat >/etc/ssh/sshd_config.d/10-assistant.conf <<SSHD
PasswordAuthentication no
PermitRootLogin no
X11Forwarding no
SSHD
systemctl try-reload-or-restart ssh

echo "bootstrap: ready. EC2_HOST_KEY is: $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)"
