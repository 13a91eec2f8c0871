"""The parts of deep feedback control."""
