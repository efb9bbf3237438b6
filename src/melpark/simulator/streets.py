"""Melbourne's street grid as straight lines. Each is described by hand: its name and where it runs, to about 50 m in
the centre and 200 m at the edges.

Ends are (longitude, latitude) in degrees, WGS 84. A street that bends is several lines of one name.
"""

from dataclasses import dataclass

Point = tuple[float, float]

# Half the carriageway in metres, and the share of kerb that holds bays.
MAIN = (11.0, 0.75)
SIDE = (7.0, 0.7)
LANE = (3.5, 0.5)


@dataclass(frozen=True)
class Street:
    """A straight street. `half_width` in metres; `kerb_share` of its kerb may hold bays."""

    name: str
    start: Point
    end: Point
    half_width: float
    kerb_share: float


def _streets(kind: tuple[float, float], *lines: tuple[str, Point, Point]) -> tuple[Street, ...]:
    return tuple(Street(name, start, end, *kind) for name, start, end in lines)


HODDLE_GRID = _streets(
    MAIN,
    ("Flinders Street", (144.9551, -37.8207), (144.9748, -37.8157)),
    ("Collins Street", (144.9543, -37.8187), (144.9740, -37.8137)),
    ("Bourke Street", (144.9535, -37.8167), (144.9732, -37.8117)),
    ("Lonsdale Street", (144.9527, -37.8148), (144.9724, -37.8098)),
    ("La Trobe Street", (144.9519, -37.8128), (144.9716, -37.8078)),
    ("Spencer Street", (144.9551, -37.8207), (144.9485, -37.8045)),
    ("King Street", (144.9576, -37.8201), (144.9523, -37.8070)),
    ("William Street", (144.9600, -37.8194), (144.9556, -37.8085)),
    ("Queen Street", (144.9625, -37.8188), (144.9583, -37.8085)),
    ("Elizabeth Street", (144.9650, -37.8182), (144.9597, -37.8050)),
    ("Swanston Street", (144.9674, -37.8176), (144.9629, -37.8066)),
    ("Russell Street", (144.9699, -37.8169), (144.9660, -37.8070)),
    ("Exhibition Street", (144.9723, -37.8163), (144.9691, -37.8078)),
    ("Spring Street", (144.9748, -37.8157), (144.9716, -37.8078)),
)

LITTLE_STREETS = _streets(
    LANE,
    ("Flinders Lane", (144.9547, -37.8197), (144.9744, -37.8147)),
    ("Little Collins Street", (144.9539, -37.8177), (144.9736, -37.8127)),
    ("Little Bourke Street", (144.9531, -37.8158), (144.9728, -37.8108)),
    ("Little Lonsdale Street", (144.9523, -37.8138), (144.9720, -37.8088)),
    ("A'Beckett Street", (144.9565, -37.8106), (144.9640, -37.8086)),
    ("Franklin Street", (144.9560, -37.8093), (144.9635, -37.8073)),
    ("Jeffcott Street", (144.9513, -37.8114), (144.9545, -37.8106)),
    ("Batman Street", (144.9507, -37.8102), (144.9540, -37.8094)),
    ("Market Street", (144.9612, -37.8191), (144.9604, -37.8171)),
)

CARLTON = _streets(
    SIDE,
    ("Victoria Street", (144.9437, -37.8042), (144.9728, -37.8080)),
    ("Queensberry Street", (144.9440, -37.8018), (144.9709, -37.8050)),
    ("Pelham Street", (144.9560, -37.8020), (144.9700, -37.8036)),
    ("Grattan Street", (144.9555, -37.7993), (144.9712, -37.8012)),
    ("Faraday Street", (144.9640, -37.7985), (144.9735, -37.7997)),
    ("Elgin Street", (144.9642, -37.7966), (144.9742, -37.7978)),
    ("Berkeley Street", (144.9586, -37.8058), (144.9593, -37.7996)),
    ("Leicester Street", (144.9601, -37.8062), (144.9609, -37.7998)),
    ("Bouverie Street", (144.9617, -37.8064), (144.9625, -37.8000)),
    ("Swanston Street", (144.9629, -37.8066), (144.9642, -37.7962)),
    ("Cardigan Street", (144.9643, -37.8068), (144.9657, -37.7962)),
    ("Lygon Street", (144.9660, -37.8070), (144.9674, -37.7962)),
    ("Drummond Street", (144.9676, -37.8072), (144.9690, -37.7964)),
    ("Rathdowne Street", (144.9695, -37.8075), (144.9709, -37.7966)),
    ("Nicholson Street", (144.9727, -37.8080), (144.9741, -37.7970)),
)

NORTH_AND_WEST_MELBOURNE = _streets(
    SIDE,
    ("Curzon Street", (144.9468, -37.8048), (144.9476, -37.7985)),
    ("Errol Street", (144.9490, -37.8051), (144.9499, -37.7985)),
    ("Leveson Street", (144.9510, -37.8053), (144.9519, -37.7988)),
    ("Chetwynd Street", (144.9527, -37.8055), (144.9536, -37.7990)),
    ("Capel Street", (144.9546, -37.8075), (144.9556, -37.8010)),
    ("Peel Street", (144.9562, -37.8090), (144.9572, -37.8010)),
    ("Dudley Street", (144.9465, -37.8110), (144.9556, -37.8088)),
    ("Rosslyn Street", (144.9465, -37.8097), (144.9548, -37.8077)),
    ("Stanley Street", (144.9455, -37.8085), (144.9535, -37.8066)),
)

DOCKLANDS = _streets(
    SIDE,
    ("Harbour Esplanade", (144.9452, -37.8125), (144.9477, -37.8208)),
    ("Bourke Street", (144.9462, -37.8188), (144.9535, -37.8167)),
    ("Collins Street", (144.9425, -37.8212), (144.9543, -37.8187)),
    ("La Trobe Street", (144.9448, -37.8142), (144.9519, -37.8128)),
    ("Batmans Hill Drive", (144.9490, -37.8215), (144.9480, -37.8180)),
    ("Docklands Drive", (144.9375, -37.8140), (144.9452, -37.8132)),
    ("Waterfront Way", (144.9395, -37.8125), (144.9398, -37.8155)),
    ("Footscray Road", (144.9375, -37.8095), (144.9452, -37.8125)),
)

SOUTHBANK_AND_DOMAIN = _streets(
    SIDE,
    ("City Road", (144.9560, -37.8278), (144.9680, -37.8213)),
    ("Southbank Boulevard", (144.9620, -37.8222), (144.9700, -37.8243)),
    ("Queens Bridge Street", (144.9617, -37.8210), (144.9590, -37.8262)),
    ("Clarendon Street", (144.9560, -37.8235), (144.9595, -37.8310)),
    ("Sturt Street", (144.9675, -37.8225), (144.9685, -37.8320)),
    ("Kavanagh Street", (144.9655, -37.8228), (144.9635, -37.8270)),
    ("Grant Street", (144.9650, -37.8262), (144.9715, -37.8255)),
    ("Coventry Street", (144.9600, -37.8303), (144.9730, -37.8280)),
    ("Dodds Street", (144.9695, -37.8240), (144.9704, -37.8300)),
    ("Wells Street", (144.9700, -37.8280), (144.9722, -37.8345)),
    ("Dorcas Street", (144.9600, -37.8330), (144.9745, -37.8305)),
    ("Park Street", (144.9620, -37.8358), (144.9762, -37.8332)),
    ("St Kilda Road", (144.9685, -37.8200), (144.9800, -37.8470)),
    ("Domain Road", (144.9733, -37.8326), (144.9880, -37.8352)),
    ("Toorak Road", (144.9755, -37.8376), (144.9885, -37.8390)),
    ("Commercial Road", (144.9788, -37.8450), (144.9885, -37.8460)),
)

EAST_MELBOURNE = _streets(
    SIDE,
    ("Victoria Parade", (144.9728, -37.8080), (144.9888, -37.8100)),
    ("Albert Street", (144.9737, -37.8089), (144.9886, -37.8111)),
    ("Cathedral Place", (144.9745, -37.8098), (144.9768, -37.8101)),
    ("Gipps Street", (144.9825, -37.8120), (144.9883, -37.8128)),
    ("George Street", (144.9820, -37.8140), (144.9880, -37.8148)),
    ("Wellington Parade", (144.9748, -37.8150), (144.9877, -37.8168)),
    ("St Andrews Place", (144.9745, -37.8117), (144.9765, -37.8120)),
    ("Gisborne Street", (144.9748, -37.8083), (144.9740, -37.8117)),
    ("Lansdowne Street", (144.9773, -37.8086), (144.9757, -37.8152)),
    ("Clarendon Street", (144.9828, -37.8092), (144.9812, -37.8160)),
    ("Powlett Street", (144.9856, -37.8096), (144.9842, -37.8164)),
    ("Simpson Street", (144.9882, -37.8100), (144.9868, -37.8168)),
)

STREETS = (
    *HODDLE_GRID,
    *LITTLE_STREETS,
    *CARLTON,
    *NORTH_AND_WEST_MELBOURNE,
    *DOCKLANDS,
    *SOUTHBANK_AND_DOMAIN,
    *EAST_MELBOURNE,
)
