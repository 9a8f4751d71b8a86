"""Make the schemas of this folder anew, see README.md: `python -m tests.deploy.schemas.make CRDS MODULES`.

CRDS holds the definitions that Strimzi's generator writes, MODULES is node_modules with the package in it.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

FOLDER = Path(__file__).parent
OF_STRIMZI = ("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser")
OF_CLOUDNATIVEPG = ("Cluster", "ScheduledBackup")
CLOUDNATIVEPG = "ComGithubCloudnativePgCloudnativePgApiV1"
BARMAN = "ComGithubCloudnativePgBarmanCloudPkgApi"

METADATA: Schema = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
# What Kubernetes defines of a pod and the manifests do not use takes anything: a Cluster's file stays short.
OPEN = re.compile(r"IoK8s(?!.*(Resource|Reference|SecretKeySelector))")


def main(crds: Path, modules: Path) -> None:
    for kind in OF_STRIMZI:
        definition = yaml.safe_load((crds / f"{kind}.yaml").read_text())
        (version,) = definition["spec"]["versions"]
        spec = closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
        write(kind, f"{definition['spec']['group']}/{version['name']}", spec)
    for kind in OF_CLOUDNATIVEPG:
        write(kind, "postgresql.cnpg.io/v1", *Models(modules).read(f"{CLOUDNATIVEPG}{kind}Spec"))
    write("ObjectStore", "barmancloud.cnpg.io/v1", *object_store(Models(modules)))


def object_store(models: "Models") -> tuple[Schema, Schema]:
    """The plugin's own three fields by hand, as its documentation has them; the content is Barman's."""
    configuration, shared = models.read(f"{BARMAN}BarmanObjectStoreConfiguration")
    del configuration["properties"]["serverName"]  # the plugin refuses it: it is a parameter of the Cluster
    spec = {
        "type": "object",
        "required": ["configuration"],
        "additionalProperties": False,
        "properties": {
            "configuration": configuration,
            "instanceSidecarConfiguration": {"type": "object"},
            "retentionPolicy": {"type": "string", "pattern": "^[1-9][0-9]*[dwm]$"},
        },
    }
    return spec, shared


def write(kind: str, version: str, spec: Schema, shared: Schema | None = None) -> None:
    whole = {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": METADATA,
            "spec": spec,
        },
    }
    text = json.dumps([spec, shared])
    used = {name: each for name, each in sorted((shared or {}).items()) if f'"#/$defs/{name}"' in text}
    if used:
        whole["$defs"] = used
    (FOLDER / f"{kind}.json").write_text(json.dumps(whole, separators=(",", ":")) + "\n")


def closed(schema: Schema) -> Schema:
    """The schema of a definition without its prose; an object has no fields but those it names."""
    keep = {key: told for key, told in schema.items() if key != "description" and not key.startswith("x-")}
    for key in ("items", "additionalProperties"):
        if isinstance(keep.get(key), dict):
            keep[key] = closed(keep[key])
    if "properties" in keep:
        keep["properties"] = {name: closed(each) for name, each in keep["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            keep["additionalProperties"] = False
    return keep


class Models:
    """The package's schemas, read back from the validators that they were compiled to: one file a type."""

    LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
    FUNCTION = re.compile(r"function (validate\d+)\(data,\{.*?\}=\{\}\)\{(.*?)\b\1\.errors=vErrors,", re.S)
    CALL = re.compile(r"(validate\d+)\(data(?:\.([\w$]+)|\[\"([^\"]+)\"\]|\[(i|key)\d+\])?,\{")
    IMPORT = re.compile(r"import\{validate as (validate\d+)\}from\"([^\"]+)\"")
    RULE = re.compile(r'keyword:"(\w+)",params:\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}')

    def __init__(self, modules: Path) -> None:
        self.modules = modules
        self.shared: Schema = {}

    def read(self, name: str) -> tuple[Schema, Schema]:
        """The schema of a type, and those that it refers to."""
        return self._file(self.modules / f"@kubernetes-models/cloudnative-pg/_schemas/{name}.js"), self.shared

    def _file(self, path: Path) -> Schema:
        text = path.read_text()
        functions = dict(self.FUNCTION.findall(text))
        types = {name: self._path(path, told) for name, told in self.IMPORT.findall(text)}
        start = re.search(r"export const validate=(validate\d+);", text)
        assert start, path
        return self._function(start[1], functions, types, text)

    def _path(self, importer: Path, told: str) -> Path:
        return (importer.parent / told) if told.startswith(".") else self.modules / f"{told}.js"

    def _function(self, name: str, functions: dict[str, str], types: dict[str, Path], text: str) -> Schema:
        if name in types:
            return self._type(types[name])
        body = functions[name]
        schema = self._rules(body, text)
        itself: dict[str, Schema] = {}
        for callee, dotted, quoted, loop in self.CALL.findall(body):
            told = self._function(callee, functions, types, text)
            if loop:
                schema["items" if loop == "i" else "additionalProperties"] = told
            elif dotted or quoted:
                schema.setdefault("properties", {})[dotted or quoted] = told
            else:
                itself[callee] = told
        if "oneOf" in schema:
            schema["oneOf"] = list(itself.values())
        elif itself and "properties" in schema:
            for told in map(self._followed, itself.values()):
                schema["properties"] |= told["properties"]
                schema["required"] = [*schema.get("required", ()), *told.get("required", ())]
        elif itself:  # another type, and rules for this field of it
            (told,) = itself.values()
            schema = told | schema
        if "properties" in schema:
            schema["additionalProperties"] = False
        return schema

    def _type(self, path: Path) -> Schema:
        name = re.sub(r"^ComGithub.*(ApiV1|PkgApi|MonitoringV1)", "", path.stem)
        if OPEN.match(name):
            return {}
        if name not in self.shared:
            self.shared[name] = self._file(path.with_suffix(".js"))
        if "properties" not in self.shared[name]:
            return dict(self.shared[name])
        return {"$ref": f"#/$defs/{name}"}

    def _followed(self, schema: Schema) -> Schema:
        told: Schema = self.shared[schema["$ref"].rpartition("/")[2]]
        return told

    def _rules(self, body: str, text: str) -> Schema:
        """What the function itself says no to: its words for it hold the keyword and its value."""
        schema: Schema = {}
        for rule in self.RULE.finditer(body):
            keyword, params = rule[1], rule[0]
            if keyword == "required":
                schema.setdefault("required", []).append(_written(r'missingProperty:("[^"]+")', params))
            elif keyword in ("type", "pattern"):
                schema[keyword] = _written(rf'{keyword}:("(?:[^"\\]|\\.)*")', params)
            elif keyword == "enum":
                schema["enum"] = _written(rf"\b{params.rpartition(':')[2].rstrip('}')}=(\[.*?\])", text)
            elif keyword in self.LIMITS:
                schema[keyword] = _written(r"limit:(-?\d+)", params)
            elif keyword == "oneOf":
                schema["oneOf"] = []
            elif keyword != "format":
                raise ValueError(keyword)
        return schema


def _written(pattern: str, text: str) -> Any:
    """The value that stands in a text."""
    found = re.search(pattern, text)
    assert found, text
    return json.loads(found[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
