"""The part of the SARIF 2.1.0 schema that archscope writes, restated by hand from the specification (OASIS, 2020).

The sections are those of https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Every object is closed, so
that a misspelt or misplaced property fails, and required properties are those that the specification requires.
"""

TEXT = {"type": "string", "minLength": 1}


def closed(required, **properties):
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


MESSAGE = closed(["text"], text=TEXT)  # 3.11
RULE = closed(["id"], id=TEXT, shortDescription=MESSAGE)  # 3.49
DRIVER = closed(
    ["name"],
    name=TEXT,
    informationUri={"type": "string", "format": "uri"},
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)  # 3.19
ARTIFACT = closed(
    [],
    uri={"type": "string", "format": "uri-reference", "pattern": r"^[A-Za-z0-9._~!$&'()*+,;=:@%/-]+$"},
    uriBaseId=TEXT,
)  # 3.4
REGION = closed([], startLine={"type": "integer", "minimum": 1})  # 3.30
PHYSICAL = closed(["artifactLocation"], artifactLocation=ARTIFACT, region=REGION)  # 3.29
LOGICAL = closed([], name=TEXT, kind=TEXT)  # 3.33
LOCATION = closed(
    [], physicalLocation=PHYSICAL, logicalLocations={"type": "array", "items": LOGICAL, "uniqueItems": True}
)  # 3.28
RESULT = closed(  # 3.27; ours also promise a physical location
    ["message", "ruleId", "locations"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations={"type": "array", "minItems": 1, "items": LOCATION},
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
)
RUN = closed(
    ["tool"],
    tool=closed(["driver"], driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)  # 3.14
SARIF = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **closed(
        ["version", "runs"],
        version={"const": "2.1.0"},
        runs={"type": "array", "items": RUN},
        **{"$schema": {"type": "string", "format": "uri"}},
    ),  # 3.13
}
