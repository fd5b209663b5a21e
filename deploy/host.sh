#!/usr/bin/env bash
# On the host, in the release that it came with: makes that release the running one, or puts the previous one back.
#
#   releases/ID/deploy/host.sh start     begin; goes on when the connection that asked is lost. Asked again, it does nothing
#   releases/ID/deploy/host.sh follow    tell what is done until it is over; exit 0 when this release runs, 1 when not
#   current/deploy/host.sh back          put the release before the current one back, by hand
#   current/deploy/host.sh list          the releases and what became of them
#
# A release is a folder: compose files, .env with secrets and the image's digest, log, outcome. `current` and `previous`
# are links to two of them. Its .env may say: DEPLOY_PATIENCE, seconds until it must be healthy; DEPLOY_SPACE, MB that must
# be free; BACKUP_TO, a folder of the app, s3://bucket/prefix or off.
set -euo pipefail
shopt -s inherit_errexit

release=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
base=$(cd "$release/../.." && pwd -P)
kept=5 # releases whose folder and image stay

say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
compose() { (cd "$1" && docker compose --progress quiet "${@:2}"); }
linked() { readlink --canonicalize-existing "$base/$1" || true; }
point() { ln --symbolic --no-dereference --force "$2" "$base/.$1" && mv --no-target-directory "$base/.$1" "$base/$1"; }
setting() { sed --quiet "s/^$2=//p" "$1/.env" | tail -n 1 | tr -d "'\""; }
patience=$(setting "$release" DEPLOY_PATIENCE)
space=$(setting "$release" DEPLOY_SPACE)

# Says how it ended, for `follow` and for `list`, and ends.
finish() {
  trap - EXIT
  say "$2"
  printf '%s %s\n' "$1" "$2" >"$release/outcome"
  exit "$1"
}

alone() { exec 9>"$base/lock" && flock --nonblock 9; }

roomy() {
  local free
  free=$(df --output=avail --block-size=1M "$base" "$(docker info --format '{{.DockerRootDir}}')" | tail -n +2 | sort -n | head -n 1)
  say "free disk: ${free// /} MB"
  ((free >= ${space:-4000}))
}

# With the registry's token, if one came along: it is valid for this deploy only, and is gone afterwards.
pull() (
  if [ -s "$release/registry" ]; then
    config=$(mktemp --directory)
    trap 'rm -rf "$config" "$release/registry"' EXIT
    cp -R "${DOCKER_CONFIG:-$HOME/.docker}/." "$config" 2>/dev/null || true
    export DOCKER_CONFIG=$config
    read -r server user token <"$release/registry" || [ -n "$token" ]
    docker login "$server" --username "$user" --password-stdin <<<"$token" >/dev/null || exit 1
  fi
  compose "$release" pull --policy missing
)

backup() {
  local to
  to=$(setting "$release" BACKUP_TO)
  [ "$to" = off ] || compose "$1" exec -T app mlops-assistant backup "${to:-/var/lib/assistant/backups}"
}

migrate() { compose "$release" run --rm -T migrate; }

# Bounded from outside as well: `--wait-timeout` begins once what must end first, a migration, has ended.
up() {
  (
    cd "$1" && timeout "$((2 * ${patience:-240}))" docker compose --progress quiet \
      up --detach --no-build --remove-orphans --wait --wait-timeout "${patience:-240}"
  ) && return
  say "what the app said last:"
  compose "$1" ps --all --quiet app | xargs --no-run-if-empty -n 1 docker logs --tail 30 || true
  return 1
}

smoke() { compose "$1" exec -T app python - <"$release/deploy/smoke.py"; }

# The schema stays as the failed release left it: the `migrate` of the previous one takes it as it is, when all that it
# knows is still there.
put_back() {
  [ -n "$1" ] || finish 1 "$2 There is no release to go back to: what was started stands as it is, to be looked at."
  say "$2 Going back to ${1##*/}."
  if up "$1" && smoke "$1"; then
    finish 1 "$2 The previous release, ${1##*/}, is back and answers."
  fi
  finish 1 "$2 The previous release, ${1##*/}, did NOT come back: look at it now, on the host."
}

forget_old() {
  local old
  find "$base/releases" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | tail -n "+$((kept + 1))" | cut -d' ' -f2- |
    while read -r old; do
      [ "$old" = "$(linked current)" ] || [ "$old" = "$(linked previous)" ] || {
        docker image rm "$(setting "$old" ASSISTANT_IMAGE)" >/dev/null 2>&1 || true # another release may have it too
        rm -rf "$old"
      }
    done
}

deploy() {
  alone || finish 1 "Another deploy is under way. Nothing was changed; deploy again when it is over."
  before=$(linked current)
  trap 'finish 1 "The deploy stopped in the middle."' EXIT
  say "release ${release##*/}: $(setting "$release" ASSISTANT_IMAGE)"
  roomy || finish 1 "The disk has less than ${space:-4000} MB free. Nothing was changed; make room or enlarge it."
  pull || finish 1 "An image could not be fetched. Nothing was changed."
  if [ -n "$before" ]; then
    say "backup"
    backup "$before" || finish 1 "The backup failed. Nothing was changed."
  fi
  trap 'put_back "$before" "The deploy stopped in the middle."' EXIT
  say "migrate"
  migrate || put_back "$before" "The migration failed."
  say "start"
  up "$release" || put_back "$before" "The new release did not become healthy."
  smoke "$release" || put_back "$before" "The new release is healthy and does not answer."
  point previous "${before:-$release}"
  point current "$release"
  forget_old || true # room is a matter of the next deploy
  finish 0 "Release ${release##*/} runs."
}

start() {
  [ -e "$release/pid" ] && return
  setsid nohup "$release/deploy/host.sh" deploy >"$release/log" 2>&1 </dev/null &
  echo $! >"$release/pid"
}

follow() {
  tail --pid="$(cat "$release/pid")" --sleep-interval=0.3 --lines=+1 --follow "$release/log"
  [ -s "$release/outcome" ] || printf '1 The host stopped in the middle.\n' >"$release/outcome"
  return "$(cut -c1 "$release/outcome")"
}

back() {
  local current previous
  alone || { say "A deploy is under way. Nothing was changed." && exit 1; }
  current=$(linked current) previous=$(linked previous)
  [ "$previous" != "$current" ] || { say "There is no release before ${current##*/}. Nothing was changed." && exit 1; }
  say "going back from ${current##*/} to ${previous##*/}"
  if ! { up "$previous" && smoke "$previous"; }; then
    say "It did not come back: ${current##*/} is still the current release, and what runs has to be looked at."
    exit 1
  fi
  point current "$previous"
  point previous "$current"
  say "Release ${previous##*/} runs."
}

list() {
  local dir mark
  for dir in "$base"/releases/*/; do
    dir=${dir%/} mark=" "
    [ "$dir" = "$(linked current)" ] && mark="*"
    printf '%s %-28s %s\n' "$mark" "${dir##*/}" "$(cut -c3- "$dir/outcome" 2>/dev/null || echo 'not over yet')"
  done
}

case ${1:-} in
  start | follow | deploy | back | list) "$1" ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
