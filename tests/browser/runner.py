"""What runs a notebook's cells within Pyodide."""

import json

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


async def run(text: str) -> str:
    """Run a notebook's code cells, in a namespace of their own.

    Args:
        text: The notebook.

    Returns:
        As JSON, what each cell put out, by its ID; and what the first one that failed said, which ends the run.
    """
    shell = InteractiveShell.instance(colors="nocolor")
    shell.reset(new_session=False)
    setattr(shell.displayhook, "write_output_prompt", lambda: None)  # noqa: B010 - mypy lets no method be assigned
    outputs = {}
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        with capture_output() as captured:
            result = await shell.run_cell_async(source, transformed_cell=shell.transform_cell(source))
        outputs[cell["id"]] = [
            *([{"output_type": "stream", "name": "stdout", "text": captured.stdout}] if captured.stdout else []),
            *([{"output_type": "stream", "name": "stderr", "text": captured.stderr}] if captured.stderr else []),
            *({"output_type": "display_data", "data": one.data, "metadata": {}} for one in captured.outputs),
        ]
        if not result.success:
            return json.dumps({"outputs": outputs, "failed": cell["id"], "said": captured.stdout + captured.stderr})
    return json.dumps({"outputs": outputs})
