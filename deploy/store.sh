#!/bin/sh
# Starts the store of docker-compose.yml (`start`), or tells whether it answers (`health`).
#
# The one secret is the URL that the broker uses, redis://harkara:PASSWORD@store:6379/0. The server is told only the
# SHA-256 of the password, in an ACL file that lives in memory.
set -eu

url_file=${STORE_URL_FILE:-/run/secrets/store_url}
settings=${STORE_SETTINGS:-/etc/harkara}
run=${STORE_RUN:-/run/store}
stored=${STORE_DATA:-/data}

password=$(sed -nE 's#^rediss?://harkara:([^@]+)@.*$#\1#p' "$url_file")
if [ -z "$password" ]; then
    echo "$url_file must hold redis://harkara:PASSWORD@store:6379/0 (see docker-compose.yml)" >&2
    exit 6
fi

case ${1:-} in
start)
    shift
    umask 077
    hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
    sed "s/@PASSWORD_SHA256@/$hash/" "$settings/users.acl" >"$run/users.acl"
    exec "${STORE_SERVER:-redis-server}" "$settings/store.conf" \
        --aclfile "$run/users.acl" --dir "$stored" "$@"
    ;;
health)
    REDISCLI_AUTH=$password redis-cli --user harkara ping | grep -qx PONG
    ;;
*)
    echo "usage: store.sh start|health" >&2
    exit 2
    ;;
esac
