"""The JSON Schema of `tidemark.yaml`, for editors.

Regenerate it with: python -m tidemark.policy.schema > docs/tidemark.schema.json
"""

from __future__ import annotations

import json
import sys

from tidemark.policy.models import ConfigurationFile


def schema_text() -> str:
    """Return the schema as indented JSON that ends with a newline."""
    schema = ConfigurationFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "tidemark.yaml"
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
