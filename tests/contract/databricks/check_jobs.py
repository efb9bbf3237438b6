"""Reads the bundle's jobs by the types that Databricks publishes of them: an unknown field or a wrong type is an error.

`check_jobs.py FILE`, with the resolved jobs as JSON, run by the interpreter of databricks/requirements.lock.
"""

import json
import sys
from pathlib import Path

from databricks.bundles.jobs import Job

for name, job in json.loads(Path(sys.argv[1]).read_text()).items():
    try:
        Job.from_dict(job)
    except (TypeError, ValueError) as error:
        sys.exit(f"{name}: {error} {error.__cause__ or ''}")
