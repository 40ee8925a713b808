"""The pages, a module each. They ask the engine and choose a template; they decide nothing."""
