from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local.mux.errors import MuxError
from local.mux.fault_rules import seeded
from local.mux.state.mux_state import MuxState
from tests.unit.local.mux.states import VIDEO, Clock, clip_of


class AnyOrderOfCalls(RuleBasedStateMachine):
    """Whatever is asked in whatever order, the state stay consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.rng = seeded(3)
        self.state = MuxState(self.clock, self.rng)
        self.final: dict[str, str] = {}

    def attempt(self, call: str, *arguments: object) -> None:
        try:
            getattr(self.state, call)(*arguments)
        except MuxError:
            return

    @rule()
    def create(self) -> None:
        self.state.create_upload({"timeout": 60})

    @rule(n=st.integers(0, 5), call=st.sampled_from(["cancel", "complete"]))
    def upload(self, n: int, call: str) -> None:
        if self.state.uploads:
            keys = list(self.state.uploads)
            self.attempt(f"{call}_upload", keys[n % len(keys)])

    @rule(n=st.integers(0, 5), call=st.sampled_from(["finish", "fail", "delete", "clip"]))
    def asset(self, n: int, call: str) -> None:
        assets = list(self.state.assets.values())
        if not assets:
            return
        asset = assets[n % len(assets)]
        match call:
            case "finish":
                self.attempt("finish_asset", asset.id, VIDEO)
            case "fail":
                self.attempt("fail_asset", asset.id, "broken")
            case "delete":
                self.attempt("delete_asset", asset.id)
            case _:
                self.attempt("create_asset", clip_of(asset))

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def finished_states_never_change(self) -> None:
        for key, upload in self.state.uploads.items():
            if upload.status != "waiting":
                assert self.final.setdefault(key, upload.status) == upload.status
        for key, asset in self.state.assets.items():
            if asset.status != "preparing":
                assert self.final.setdefault(key, asset.status) == asset.status

    @invariant()
    def every_asset_has_one_event_per_state(self) -> None:
        for asset in self.state.assets.values():
            happened = [e["type"] for e in self.state.events if e["object"]["id"] == asset.id]
            assert happened.count("video.asset.created") == 1
            assert happened.count("video.asset.ready") == (asset.status == "ready")
            assert happened.count("video.asset.errored") == (asset.status == "errored")
            assert happened.count("video.asset.deleted") == (asset.deleted_at is not None)


TestAnyOrderOfCalls = AnyOrderOfCalls.TestCase
TestAnyOrderOfCalls.settings = settings(deadline=None, stateful_step_count=30)
