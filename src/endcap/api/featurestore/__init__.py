"""Amazon SageMaker's feature store on the wire: tables of operations, translation, errors; no logic of its own."""
