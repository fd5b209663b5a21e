#!/usr/bin/env bash
# On the runner: brings an image and its settings to the host over SSH and tells how that goes; exit 1 when it does not run.
#
#   deploy/deploy.sh NAME@sha256:DIGEST
#
# EC2_HOST, EC2_USER, EC2_SSH_KEY (private key), EC2_HOST_KEY (the host's public key, "ssh-ed25519 AAAA..."): where to.
# SSH_PROXY: a command that SSH goes through. REGISTRY_LOGIN: "server user token", if the image is private.
# RELEASE: name of the release; asked for again, the outcome of that release is told.
# ASSISTANT_SETTINGS: lines for the release's .env, and all of SECRETS that are set: this file has mode 0600.
# Keys and secrets travel inside files and standard input, never on a command line.
set -euo pipefail

SECRETS="OPENROUTER_API_KEY LLM_API_KEY API_KEY ADMIN_PASSWORD SLACK_BOT_TOKEN SLACK_APP_TOKEN SLACK_SIGNING_SECRET
  SLACK_CLIENT_ID SLACK_CLIENT_SECRET SLACK_TOKEN_KEY DISCORD_BOT_TOKEN OIDC_CLIENT_SECRET METRICS_TOKEN"

stop() { printf 'deploy: %s\n' "$*" >&2 && exit 1; }

image=${1:-}
release=${RELEASE:-$(date -u +%Y%m%dT%H%M%SZ)}
home=${ASSISTANT_HOME:-/opt/assistant}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

[[ $image =~ ^([^[:space:]@]+@)?sha256:[0-9a-f]{64}$ ]] || stop "An image by digest is needed, NAME@sha256:..., not '$image'."
[[ $release =~ ^[A-Za-z0-9._-]+$ ]] || stop "RELEASE may have letters, digits, '.', '_' and '-', not '$release'."
for name in EC2_HOST EC2_USER EC2_SSH_KEY EC2_HOST_KEY; do
  [ -n "${!name:-}" ] || stop "$name is not set: docs/deploy.md says where it comes from."
done

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$EC2_SSH_KEY" >"$work/key"
printf 'assistant %s\n' "$EC2_HOST_KEY" >"$work/known_hosts"

on_host() {
  ssh -F none -i "$work/key" -l "$EC2_USER" -p "${EC2_PORT:-22}" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
    -o StrictHostKeyChecking=yes -o HostKeyAlias=assistant -o UserKnownHostsFile="$work/known_hosts" \
    -o GlobalKnownHostsFile=none -o UpdateHostKeys=no -o ConnectTimeout=15 -o ServerAliveInterval=10 \
    -o ServerAliveCountMax=3 -o LogLevel=ERROR \
    -o ProxyCommand="${SSH_PROXY:-none}" "$EC2_HOST" "$@"
}

# Values stand in single quotes: nothing in them is expanded.
settings() {
  local name
  printf '%s\n' "${ASSISTANT_SETTINGS:-}"
  for name in $SECRETS; do
    [[ ${!name:-} != *[\'$'\n']* ]] || stop "$name has a quote or a line break in it. Nothing was sent."
    [ -z "${!name:-}" ] || printf "%s='%s'\n" "$name" "${!name}"
  done
  printf "ASSISTANT_IMAGE='%s'\n" "$image"
}

# All of the release or nothing of it; one that is there stays as it is.
bring() {
  tar --create --owner=0 --group=0 --directory "$source" docker-compose.yml deploy --directory "$work" .env registry |
    on_host "set -e; cd '$home'; mkdir -p releases
      if [ -e 'releases/$release' ]; then exec cat >/dev/null; fi
      rm -rf '.$release'; mkdir '.$release'; trap 'rm -rf .$release' EXIT
      umask 022; tar --extract --preserve-permissions --no-same-owner --directory '.$release'
      mv '.$release' 'releases/$release'"
}

settings >"$work/.env"
printf '%s' "${REGISTRY_LOGIN:-}" >"$work/registry"
on_host true || stop "$EC2_HOST was not reached, or its key is not EC2_HOST_KEY. Nothing was sent."
bring || stop "The release could not be copied: is the disk of $EC2_HOST full? What runs there was not touched."

# From here on the host goes on by itself; a lost connection is taken up again.
for ((tries = 0; ; tries++)); do
  status=0
  on_host "'$home/releases/$release/deploy/host.sh' start && '$home/releases/$release/deploy/host.sh' follow" || status=$?
  ((status == 255 && tries < 20)) || break
  echo "deploy: the connection was lost; the host goes on, asking again" >&2
  sleep "${RETRY_SECONDS:-10}"
done
((status != 255)) || stop "$EC2_HOST is out of reach and its outcome unknown. Deploy $release again to ask for it."
exit "$status"
