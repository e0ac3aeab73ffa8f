"""Parameters of the spiking digits: images, circuit, protocol and rule, with unit, bounds and meaning."""

from __future__ import annotations

from dataclasses import dataclass, field

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity, validate

from .images import DATASETS
from .teacher import TEACHERS

CLASSES = 10
PIXELS = {"digits": 8, "mnist": 28}
FEEDBACK_PATHS = ("direct", "layered")


@dataclass(frozen=True)
class Params:
    """Images, circuit, protocol and rule."""

    dataset: str = field(default="digits", metadata={"doc": "digits (shipped) or mnist"})
    split: str = field(
        default="test", metadata={"doc": "validation: learn and test inside the training images; test"}
    )
    side: int = quantity(0, "1", "pixels of a side after averaging; 0: those of the images", low=0)
    learned: int = quantity(0, "1", "images to learn, the first of the split; 0: all", low=0)
    tested: int = quantity(0, "1", "images to test on, the first of the split; 0: all", low=0)
    hidden: int = quantity(100, "1", "neurons of a hidden layer", low=1)
    layers: int = quantity(1, "1", "hidden layers, one above the other", low=1)
    per_pixel: int = quantity(4, "1", "input neurons of a pixel", low=1)
    per_class: int = quantity(16, "1", "output neurons of a class", low=1)
    moved_pixels: float = quantity(
        0.0,
        "pixels",
        "largest shift of an image along each axis while it is learned, drawn anew each time",
        low=0,
    )
    epochs: float = quantity(6.0, "1", "times that every image is learned", low=0)
    eta_hidden: float = quantity(4e-3, "1", "learning rate input -> hidden, falls to a tenth", low=0)
    eta_output: float = quantity(
        0.6, "1", "learning rate hidden -> output times hidden, falls to a tenth", low=0
    )
    final_eta: float = quantity(0.1, "1", "learning rates at the end, of those at the start", low=0)
    tau_avg_ms: float = quantity(
        5000.0, "ms", "moving average of a hidden neuron's events and bursts", low=0, open_low=True
    )
    e_min_hz: float = quantity(2.0, "Hz", "event rate below which hidden synapses potentiate", low=0)
    e_max_hz: float = quantity(15.0, "Hz", "event rate above which hidden synapses depress", low=0)
    w_hidden: float = quantity(0.15, "1", "mean weight input -> hidden at the start", low=0, open_low=True)
    inhibition: float = quantity(0.17, "1", "constant inhibition of an input -> hidden synapse", low=0)
    inhibition_between: float = quantity(
        1.1, "1", "constant inhibition of a hidden -> hidden synapse, of its mean weight", low=0
    )
    w_max: float = quantity(1.5, "1", "largest weight input -> hidden", low=0, open_low=True)
    feedback: float = quantity(20.0, "1", "feedback weights of a class, SD of their sum in leaks", low=0)
    feedback_path: str = field(
        default="direct",
        metadata={"doc": "direct: the output reaches every hidden layer; layered: each the one below it"},
    )
    feedback_between: float = quantity(
        1.0, "1", "SD of the feedback weights of a hidden neuron in leaks, where feedback is layered", low=0
    )
    cancelling: bool = quantity(True, "", "events of the output cancel its bursts at p0")
    scrambled: bool = quantity(False, "", "each output neuron, not each class, draws a row of feedback")
    classless: bool = quantity(
        False, "", "each output neuron draws a row of feedback, and those of a class sum to zero"
    )
    dale: bool = quantity(False, "", "interneurons inhibit, and feedback only excites (Dale's law)")
    learned_feedback: bool = quantity(
        False, "", "feedback learns as the output's weights do, and both decay (Kolen-Pollack)"
    )
    feedback_decay: float = quantity(
        1e-4,
        "1",
        "share lost at an output event, of the output's weights and of learned feedback",
        low=0,
        high=1,
    )
    output_noise: float = quantity(
        0.35, "1", "weight of both backgrounds (150 Hz) of the output somata", low=0
    )
    p0: float = quantity(0.215, "1", "burst probability of the output without a teacher", low=0, high=1)
    p_hidden: float = quantity(
        0.51, "1", "burst probability of a hidden neuron that sends feedback, untaught", low=0, high=1
    )
    image_low_pa: float = quantity(-800.0, "pA", "current into the input neurons of a black pixel")
    image_high_pa: float = quantity(800.0, "pA", "current into the input neurons of a white pixel")
    teaching_gain: float = quantity(60.0, "pA/Hz", "teaching current for a missing Hz", low=0)
    teaching_pa: float = quantity(600.0, "pA", "largest teaching current", low=0)
    target_hz: float = quantity(12.0, "Hz", "event rate wanted of the image's class", low=0)
    other_hz: float = quantity(3.0, "Hz", "event rate wanted of the other classes", low=0)
    teacher: str = field(
        default="softmax", metadata={"doc": "what lacks: of the softmax of the rates, or of the rates"}
    )
    softness_hz: float = quantity(
        1.5, "Hz", "difference of rates that makes a class e times as likely", low=0, open_low=True
    )
    two_phases: bool = quantity(False, "", "Pbar of a hidden neuron is that of the untaught part alone")
    skip_ms: float = quantity(
        60.0, "ms", "beginning of an image that is not read: the image before is still felt", low=0
    )
    first_ms: float = quantity(200.0, "ms", "an image is seen before it is taught", low=0, open_low=True)
    part_ms: float = quantity(
        200.0, "ms", "an image is taught, twice; between readings of a test image", low=0, open_low=True
    )
    reading_ms: float = quantity(1200.0, "ms", "how long a test image is shown", low=0, open_low=True)
    refractory_ms: float = quantity(28.0, "ms", "refractory period of all neurons", low=0)
    burst_first_ms: float = quantity(2.0, "ms", "shortest interval to a second spike", low=0)
    burst_span_ms: float = quantity(4.0, "ms", "spread of that interval", low=0)
    burst_credit: str = field(
        default="burst", metadata={"doc": "e_pre that a burst uses: at the burst, or the event"}
    )
    dt_ms: float = quantity(0.4, "ms", "time step", low=0, open_low=True)

    def __post_init__(self) -> None:
        """Check the numbers, and that the names are known."""
        validate(self)
        names = (
            ("dataset", DATASETS),
            ("split", ("validation", "test")),
            ("teacher", TEACHERS),
            ("feedback_path", FEEDBACK_PATHS),
        )
        for name, known in names:
            if getattr(self, name) not in known:
                raise BurstpropError(
                    f"Params.{name} = {getattr(self, name)!r}: give one of {', '.join(known)}"
                )
        if self.learned_feedback and self.layers > 1:
            raise BurstpropError(
                f"Params.learned_feedback with layers = {self.layers}: feedback learns to follow the weights "
                "from one hidden layer to the output; give layers=1, or learned_feedback=false"
            )
        for name in ("feedback_path", "cancelling", "scrambled", "classless", "learned_feedback"):
            if self.dale and getattr(self, name) != getattr(Params, name):
                raise BurstpropError(
                    f"Params.{name} = {getattr(self, name)!r} with dale = True: interneurons cancel what "
                    "fixed feedback from the output excites, class by class; give dale=false, or leave this "
                    "field"
                )
        if self.skip_ms >= self.first_ms:
            raise BurstpropError(
                f"Params.skip_ms = {self.skip_ms:g} ms: the first_ms = {self.first_ms:g} ms of an image that "
                "are not taught are read after it; give less"
            )
        readings = (self.reading_ms - self.first_ms) / self.part_ms
        if readings < 1 or abs(readings - round(readings)) > 1e-9:
            raise BurstpropError(
                f"Params.reading_ms = {self.reading_ms:g} ms: the output is read after first_ms = "
                f"{self.first_ms:g} ms and every part_ms = {self.part_ms:g} ms from then on; give "
                f"{self.first_ms + self.part_ms:g} ms, or more by a multiple of part_ms"
            )

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return (self.side or PIXELS[self.dataset]) ** 2

    @property
    def hidden_layers(self) -> list[str]:
        """Populations of the hidden layers, from the input on: hidden, hidden2, hidden3 and so on."""
        return ["hidden", *(f"hidden{k}" for k in range(2, self.layers + 1))]
