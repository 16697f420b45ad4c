"""Reinforcement learning."""

from benchmarks.programs.program import Program

CLEAN = ("vwxyzjn/cleanrl", "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb")
MINIMAL = ("seungeunrho/minimalRL", "c8efed8481e3cd40e9739cfde220a55522555b57")
SPINNING = ("openai/spinningup", "038665d62d569055401d91856abb287263096178")


def clean(name: str, *options: str) -> Program:
    """Return one program of cleanrl, without a graphics card."""
    return Program(
        f"cleanrl {name}",
        "rl",
        *CLEAN,
        (f"cleanrl/{name}.py", "--no-cuda", *options),
        path=(".",),
    )


def minimal(name: str, episodes: int) -> Program:
    """Return one program of minimalRL; its loop has no option, so the environments end it."""
    return Program(
        f"minimalRL {name}",
        "rl",
        *MINIMAL,
        (f"{name}.py",),
        path=("modules",),
        environment=(("EPISODES", str(episodes)),),
    )


PENDULUM = ("--env-id", "Pendulum-v1", "--total-timesteps", "1600", "--learning-starts", "400")
PROGRAMS = (
    clean("dqn", "--total-timesteps", "8000", "--learning-starts", "1000"),
    clean("c51", "--total-timesteps", "6000", "--learning-starts", "1000"),
    clean("ppo", "--total-timesteps", "6144"),
    clean("ppo_continuous_action", "--env-id", "Pendulum-v1", "--total-timesteps", "6144"),
    clean("rpo_continuous_action", "--env-id", "Pendulum-v1", "--total-timesteps", "6144"),
    clean("ddpg_continuous_action", *PENDULUM),
    clean("td3_continuous_action", *PENDULUM),
    clean("sac_continuous_action", *PENDULUM),
    clean("pqn", "--total-timesteps", "6144"),
    minimal("REINFORCE", 160),
    minimal("actor_critic", 160),
    minimal("dqn", 220),
    minimal("ppo", 160),
    minimal("ppo-lstm", 60),
    minimal("sac", 40),
    Program(
        "spinningup 1_simple_pg",
        "rl",
        *SPINNING,
        ("spinup/examples/pytorch/pg_math/1_simple_pg.py", "--epochs", "8"),
        path=("modules",),
    ),
)
