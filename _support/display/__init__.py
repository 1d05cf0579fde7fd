"""How things are shown: tables for terminals and papers, boxes for notebooks."""
