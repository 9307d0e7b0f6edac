"""Studies in a PostgreSQL database, beside the tables of runs."""

import optuna
from optuna.storages import RDBStorage

from core.search.studies import open_storage, read_searches, read_storage, storage_address
from core.store import queries
from core.store.engine import open_store
from core.store.search_storage import server_url
from tests.postgres import PASSWORD, Server


def test_studies_of_a_server_are_in_a_schema_of_their_own(postgres: Server) -> None:
    with postgres.database() as name:
        store = open_store(postgres.url(name, password=PASSWORD), create=True)
        assert read_storage(store) is None and read_searches(store) == []
        study = optuna.create_study(study_name="films", storage=open_storage(store), direction="maximize")
        for key, value in {"definition": "x", "evaluation_fingerprint": "y"}.items():
            study.set_user_attr(key, value)
        study.tell(study.ask(), 0.8)
        (search,) = read_searches(store)
        assert (search.name, search.trials["value"].tolist()) == ("films", [0.8])
        plain = RDBStorage(server_url(store))
        assert optuna.get_all_study_names(plain) == ["films"]
        assert read_storage(store) is read_storage(store)
        assert PASSWORD not in storage_address(store)
        assert queries.runs(open_store(postgres.url(name, password=PASSWORD))).empty  # its own schema is untouched
        plain.remove_session()
        plain.engine.dispose()
        store.engine.dispose()
