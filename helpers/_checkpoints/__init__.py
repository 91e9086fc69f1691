from helpers.errors import require

require("agents", "langgraph.checkpoint")
