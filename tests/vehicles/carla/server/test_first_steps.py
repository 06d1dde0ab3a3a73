"""The real client: connect, look at the world, spawn, drive, clean up."""

import json

from tests.carla_server import run_client, run_synchronous


def test_a_client_connects_and_reads_the_world(server: int) -> None:
    told = run_client(
        server,
        """
        world = client.get_world()
        snapshot = world.wait_for_tick()
        print(client.get_server_version(), world.get_map().name, client.get_available_maps())
        print(len(world.get_map().get_spawn_points()) > 50, snapshot.frame > 0)
        print(len(world.get_blueprint_library().filter("vehicle.*")) > 40)
        """,
    )
    assert told.splitlines() == [
        "0.9.16 Carla/Maps/grid ['Carla/Maps/grid']",
        "True True",
        "True",
    ]


def test_a_car_drives_off_brakes_and_is_gone(server: int) -> None:
    told = json.loads(
        run_synchronous(
            server,
            """
            import json
            car = world.spawn_actor(library.find("vehicle.tesla.model3"), spawn_points[0])
            car.apply_control(carla.VehicleControl(throttle=0.6))
            for _ in range(60):
                world.tick()
            driven = car.get_location().distance(spawn_points[0].location)
            speed = car.get_velocity().length()
            car.apply_control(carla.VehicleControl(brake=1.0))
            for _ in range(60):
                world.tick()
            stopped = car.get_velocity().length()
            known = world.get_snapshot().has_actor(car.id)
            destroyed = car.destroy()
            world.tick()
            print(json.dumps([driven, speed, stopped, known, destroyed,
                              world.get_snapshot().has_actor(car.id)]))
            """,
        )
    )
    driven, speed, stopped, known, destroyed, still_known = told
    assert driven > 5.0
    assert speed > 3.0
    assert stopped == 0.0
    assert (known, destroyed, still_known) == (True, True, False)
