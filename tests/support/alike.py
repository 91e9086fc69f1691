"""What the package says that is rightly the same in another language as in English."""

ALIKE = {"Actions", "Assistant", "Bytes", "Chat", "Checkpoints: {count}", "Conversation", "Image", "Index", "Instance"}
ALIKE |= {"Message", "Messages", "Service", "Session", "Sessions", "Thread", "Tokens: {count}", "Type", "Version"}
ALIKE |= {"Error", "no", "Section", "Solution", "Name", "Online", "Median", "Region", "System", "Tool", "Text"}
ALIKE |= {"Platform", "Model", "Disk", "Output", "Filter", "Input: {input} · Output: {output}"}
