"""What to keep of a run (`Record`) and what came out of it (`Recording`, pandas frames)."""

from burstprop.recording.recording import Record, Recording, StateRecord

__all__ = ["Record", "Recording", "StateRecord"]
