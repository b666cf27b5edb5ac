"""How samplers that follow a gradient learn their step size and their metric during warm-up."""
