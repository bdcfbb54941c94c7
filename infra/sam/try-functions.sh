#!/usr/bin/env bash
# Runs every function under `sam local invoke`, with its event files, against a running local stack
# (`cargo run`), and checks what each answers.
#
#   infra/sam/try-functions.sh [FUNCTION_LOGICAL_ID...]
#
#   PERENNIAL_PORT    port of the local stack; default 3000
#   SAM_LOCAL_FLAGS   more flags for `sam local invoke`, such as --skip-pull-image
#   SAM_BUILD_DIR     where `sam build` has put, or will put, its result; default .aws-sam/build
#   SAM_REBUILD=1     build even where a build is there
#
# Without a container engine it says so and ends well: there is nothing to try.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

port=${PERENNIAL_PORT:-3000}
url=http://127.0.0.1:$port
inside=http://perennial.localhost:$port
build=${SAM_BUILD_DIR:-.aws-sam/build}
export SAM_CLI_TELEMETRY=0
# The local stack takes any credentials; real ones have no business in a container.
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1

skip() { echo "SKIPPED: $*"; exit 0; }
fail() { echo "error: $*" >&2; exit 1; }

has_engine() {
  local command
  for command in docker podman finch; do
    if command -v "$command" >/dev/null && timeout 20 "$command" info >/dev/null 2>&1; then return; fi
  done
  return 1
}
has_engine || skip 'no container engine answers (tried docker, podman, finch)'
command -v sam >/dev/null || skip 'the SAM CLI is not installed'
curl --silent --fail --max-time 5 "$url/api/health" >/dev/null ||
  fail "no local stack answers at $url; start one with: cargo run"

case $(uname -m) in
  x86_64 | amd64) architecture=x86_64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) fail "Lambda has no processors like $(uname -m)" ;;
esac
parameters=(--parameter-overrides "Architecture=$architecture JwtIssuer=$url AwsEndpointUrl=$inside")

if [[ ${SAM_REBUILD:-} == 1 || ! -f $build/template.yaml ]]; then
  sam build --build-dir "$build" "${parameters[@]}"
fi

scratch=$(mktemp -d)
relay=
trap '[[ -z $relay ]] || kill "$relay" 2>/dev/null; rm -rf "$scratch"' EXIT
sed "s#http://perennial.localhost:3000#$inside#g" infra/sam/env.json >"$scratch/env.json"
# Where the engine reaches the host by itself, or a relay runs already, this one ends at once.
infra/sam/relay.py "$port" &
relay=$!
sleep 1

# What a function may answer: an HTTP answer that is not a server error, a batch without failures,
# or nothing.
check='
import json, sys
answer = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
if isinstance(answer, dict):
    if "errorType" in answer or "errorMessage" in answer:
        sys.exit("failed: " + json.dumps(answer))
    if answer.get("batchItemFailures"):
        sys.exit("left on the queue: " + json.dumps(answer))
    if answer.get("statusCode", 200) >= 500:
        sys.exit("server error: " + json.dumps(answer))
text = json.dumps(answer)
print("   ", text if len(text) < 200 else text[:200] + "...")
'

read -r -a flags <<<"${SAM_LOCAL_FLAGS:-}"
failed=0
try() {
  local function=$1 name=$2
  printf '%s <- %s.json\n' "$function" "$name"
  if ! sam local invoke "$function" --template "$build/template.yaml" \
    --event "infra/sam/events/$name.json" --env-vars "$scratch/env.json" \
    --add-host perennial.localhost:host-gateway "${parameters[@]}" ${flags[@]+"${flags[@]}"} \
    >"$scratch/answer" 2>"$scratch/log" ||
    ! python3 -c "$check" "$scratch/answer"; then
    failed=$((failed + 1))
    tail -n 20 "$scratch/log" >&2
  fi
}

wanted=" $* "
while read -r function name; do
  if [[ $wanted == '  ' || $wanted == *" $function "* ]]; then try "$function" "$name"; fi
done <<'LIST'
IntakeFunction intake
ImportFunction import
FailuresFunction failures
PreviewsFunction previews
ApiFunction api
HealthFunction health
ChannelsFunction channels
ChecksFunction checks
ApiFunction api-openapi
ValidationFunction validation
RenewalTickFunction renewal-tick
RenewalTickFunction renewal-tick-shards
OrderCopyFunction order-copy
PaymentRetryFunction payment-retry
PaymentsFunction payments
PaymentsFunction payments-refund
PaymentEventsFunction payment-events
ReconciliationFunction reconciliation
ReconciliationFunction reconciliation-start
ReconciliationFunction reconciliation-daily
DeadLetterFunction dead-letter
EventRelayFunction event-relay
WebhooksFunction webhooks
LIST

if ((failed)); then fail "$failed of the calls failed"; fi
echo 'every function answered'
