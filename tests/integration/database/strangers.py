"""Claims that are not those of the viewer VICTIM."""

import json
import uuid

from tests.integration.database.clients import claims_of

VICTIM, OTHER = uuid.uuid4(), uuid.uuid4()

# Claims under which nothing of the victim's may be seen or touched.
STRANGERS: dict[str, str | None] = {
    "no claims": None,
    "empty claims": "",
    "an empty object": "{}",
    "no object": "[]",
    "a null subject": '{"sub": null}',
    "another viewer": claims_of(OTHER),
    "another viewer as service_role": claims_of(OTHER, role="service_role"),
    "another viewer who names the victim": claims_of(
        OTHER, user_id=str(VICTIM), Sub=str(VICTIM), role="postgres"
    ),
    "the victim as user_id alone": json.dumps({"user_id": str(VICTIM), "role": "postgres"}),
    "the victim within a nested object": json.dumps({"claims": {"sub": str(VICTIM)}}),
}

# Claims that no sound proxy passes on.
BROKEN = {
    "no JSON": "{",
    "a bare token": "eyJhbGciOiJub25lIn0.e30.",
    "a subject that is no UUID": '{"sub": "admin"}',
    "an empty subject": '{"sub": ""}',
    "a list of subjects": json.dumps({"sub": [str(VICTIM)]}),
    "two subjects in one": json.dumps({"sub": f"{VICTIM},{OTHER}"}),
}
