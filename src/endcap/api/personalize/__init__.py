"""Amazon Personalize's wire: tables of operations, translation, errors; no logic of its own."""
