#!/bin/sh
# Creates the secrets of ../compose.yaml, once: infra/.env, which Compose reads, and the key pair of the prober. Each
# process gets only its own. To change one later, edit or replace it and run `docker compose up --detach` again; the
# password of the owner of the database (POSTGRES_PASSWORD) is changed in Postgres too.
set -eu
umask 077
folder=${1:-$(dirname "$0")/..}
if [ -e "$folder/.env" ] || [ -e "$folder/secrets" ]; then
  echo "$folder has .env or secrets already" >&2
  exit 1
fi
mkdir "$folder/secrets"
openssl genpkey -algorithm ed25519 -out "$folder/secrets/prober.pem"
openssl pkey -in "$folder/secrets/prober.pem" -pubout -out "$folder/secrets/prober-public.pem"
# Compose mounts the files as they are: user 10001 of the containers must be able to read them. Their folder is private.
chmod 644 "$folder/secrets/"*.pem
for name in JWT_SECRET ADMIN_TOKEN WORKER_ADMIN_TOKEN PROBER_ADMIN_TOKEN \
  POSTGRES_PASSWORD REDIS_PASSWORD GATEWAY_PASSWORD WORKER_PASSWORD; do
  echo "$name=$(openssl rand -hex 32)"
done > "$folder/.env"
