"""What a conversation asks for: a stage a part, offline, each finding with its evidence."""
