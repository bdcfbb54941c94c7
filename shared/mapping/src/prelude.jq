# What programs may call that can be said in the language itself.
def null: [][0];
def isboolean: type == "boolean";
def values: select(. != null);
def strings: select(type == "string");
def numbers: select(type == "number");
def arrays: select(type == "array");
def objects: select(type == "object");
def scalars: select(type | . != "array" and . != "object");
def abs: if . < 0 then -. end;
def keys: keys_unsorted | sort;
def add(f): reduce f as $x (null; . + $x);
def add: add(.[]);
def in($whole): . as $key | $whole | has($key);
def inside($whole): . as $part | $whole | contains($part);
def sort_by(f): . as $items | [range(length) | [[. as $at | $items[$at] | f], ., $items[.]]] | sort | map(.[2]);
def group_by(f):
  . as $items
  | [range(length) | [[. as $at | $items[$at] | f], ., $items[.]]]
  | reduce sort[] as $next ([];
      if length > 0 and .[-1][0] == $next[0] then .[-1][1] += [$next[2]]
      else . + [[$next[0], [$next[2]]]] end)
  | map(.[1]);
def unique_by(f): group_by(f) | map(.[0]);
def unique: unique_by(.);
def min_by(f): sort_by(f) | .[0];
def max_by(f): sort_by(f) | .[-1];
def min: min_by(.);
def max: max_by(.);
def flatten: [recurse(arrays[]) | select(type != "array")];

# What is one when there is one, and a list when there are more: elements of XML, lines of odd senders.
def many: if . == null then [] elif type == "array" then . else [.] end;
# The value, unless it is null or an empty text.
def given: select(. != null and . != "");
# What must be there, with the words for when it is not.
def required($what): if . == null or . == "" then error("the payload has no " + $what) else . end;
# Without the members that are null: what a document leaves out.
def compact: with_entries(select(.value != null));
