#!/bin/sh
# Make what compose.yaml hands to its containers as files: deploy/secrets.sh FOLDER. What is there already stays.
# Containers read the files as users of their own; the folder, which only you may enter, keeps others out.
set -eu
folder=${1:?give the folder, as in deploy/secrets.sh secrets}
mkdir -p "$folder"
chmod 700 "$folder"

keep() {
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        chmod 444 "$folder/$1"
    fi
}

random() {
    od -A n -N "$1" -t x1 /dev/urandom | tr -d ' \n'
}

keep postgres_password "$(random 24)"
keep redis_password "$(random 24)"
keep database_url "postgresql+psycopg://carillon:$(cat "$folder/postgres_password")@database/carillon"
keep redis_url "redis://:$(cat "$folder/redis_password")@queue:6379/0"
keep key "carillon-key-1:$(head -c 32 /dev/urandom | base64)
"
