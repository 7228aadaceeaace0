"""The bundled upstreams: four simulators, one seeded world, one port."""
