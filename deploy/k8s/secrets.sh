#!/bin/sh
# Puts a folder that deploy/docker/secrets.py made into a cluster, as the Secrets that the manifests name:
#   sh deploy/k8s/secrets.sh secrets | kubectl apply -n amicale -f -
# It only prints; what it prints holds secrets, so let it reach kubectl alone.
set -eu
folder=$1

secret() { kubectl create secret generic "$@" --dry-run=client -o yaml; echo ---; }

secret keys --from-file="$folder/link_key" --from-file="$folder/message_key" --from-file="$folder/email_key"
secret token-key --from-file="$folder/token_private_key"
secret provider-accounts --from-file="$folder/provider_accounts.json"
secret smtp --from-file="$folder/smtp_url"

# CloudNativePG's service of a cluster's first instance is <name>-rw; a role's Secret holds its name and password.
for service in directory events giving notify; do
    for role in app owner; do
        name=database_url_$service
        [ "$role" = app ] || name=database_owner_url_$service
        address=$(sed "s/@postgres:/@$service-rw:/" "$folder/$name")
        password=${address#*//*:}
        secret "database-$service-$role" --type=kubernetes.io/basic-auth --from-literal=username="${service}_$role" \
            --from-literal=password="${password%%@*}" --from-literal="$name=$address"
    done
done
