"""What must hold for entities, one module for each subject. Types of single values belong to the schema."""
