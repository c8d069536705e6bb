"""Converters of published checkpoints (DiffSpeaker, LDA dance, Learning2Listen) into Duologue's weight format."""
