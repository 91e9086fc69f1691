from .emulator import Emulator as Emulator
from .practice import practice_project as practice_project
