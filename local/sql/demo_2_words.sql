-- Demo data, step 2 of 5: the words. Local offices, specialties, grades, careers and names.
-- Reads: nothing.
-- Writes: temporary tables demo_*, gone at the end of the transaction.
-- Fast: a few hundred rows. Shares are spread over slots 0 to 99, so that a draw of 100 finds its row by equality,
-- in a hash join.

-- Owners as TIS spells them, with the letters that start their national post numbers and programme numbers,
-- their share of all persons in per cent, and the places that their foundation and GP programmes are named after.
CREATE TEMPORARY TABLE demo_office ON COMMIT DROP AS
SELECT
    office.*,
    (sum(office.share) OVER (ORDER BY office.number) - office.share)::integer AS first_slot
FROM (
    VALUES
    (
        1, 'Health Education England East Midlands', 'East Midlands', 'EMD', 'EMD', 7,
        ARRAY['Leicester', 'Nottingham', 'Derby', 'Lincoln', 'Northampton']
    ),
    (
        2, 'Health Education England East of England', 'East of England', 'EAN', 'EOE', 8,
        ARRAY['Cambridge', 'Norwich', 'Ipswich', 'Bedford', 'King''s Lynn', 'Colchester']
    ),
    (
        3, 'Health Education England Kent, Surrey and Sussex', 'Kent, Surrey and Sussex', 'KSS', 'KSS', 7,
        ARRAY['Brighton', 'Canterbury', 'Guildford', 'Medway', 'Hastings']
    ),
    (
        4, 'Health Education England North Central and East London', 'North Central and East London', 'LDN', 'NCE', 8,
        ARRAY['Camden', 'Hackney', 'Barnet', 'Newham', 'Whitechapel']
    ),
    (
        5, 'Health Education England North East', 'North East', 'NTH', 'NTH', 6,
        ARRAY['Newcastle upon Tyne', 'Durham', 'Teesside', 'Cumbria']
    ),
    (
        6, 'Health Education England North West', 'North West', 'NWE', 'NWE', 11,
        ARRAY['Manchester', 'Liverpool', 'Preston', 'Blackpool', 'Stockport', 'Chester', 'Bolton']
    ),
    (
        7, 'Health Education England North West London', 'North West London', 'LDN', 'NWL', 7,
        ARRAY['Ealing', 'Hammersmith', 'Harrow', 'Hillingdon']
    ),
    (
        8, 'Health Education England South London', 'South London', 'LDN', 'SLN', 8,
        ARRAY['Lambeth', 'Lewisham', 'Croydon', 'Kingston', 'St Helier']
    ),
    (
        9, 'Health Education England South West', 'South West', 'SWN', 'SWP', 6,
        ARRAY['Bristol', 'Exeter', 'Plymouth', 'Truro', 'Gloucester']
    ),
    (10, 'Severn Deanery', 'Severn', 'SEV', 'SEV', 1, ARRAY['Bath', 'Swindon']),
    (11, 'South West Peninsula Deanery', 'South West Peninsula', 'PEN', 'PEN', 1, ARRAY['Torbay', 'Barnstaple']),
    (
        12, 'Health Education England Thames Valley', 'Thames Valley', 'OXF', 'OXF', 4,
        ARRAY['Oxford', 'Reading', 'Milton Keynes']
    ),
    (
        13, 'Health Education England Wessex', 'Wessex', 'WES', 'WES', 5,
        ARRAY['Southampton', 'Portsmouth', 'Dorset', 'Isle of Wight']
    ),
    (
        14, 'Health Education England West Midlands', 'West Midlands', 'WMD', 'WMD', 8,
        ARRAY['Birmingham', 'Coventry', 'Stoke-on-Trent', 'Wolverhampton', 'Worcester']
    ),
    (
        15, 'Health Education England Yorkshire and the Humber', 'Yorkshire and the Humber', 'YHD', 'YHD', 9,
        ARRAY['Leeds', 'Sheffield', 'Hull', 'York', 'Bradford', 'Doncaster']
    ),
    (16, 'London LETBs', 'London', 'LDN', 'LDN', 1, ARRAY['London']),
    (
        17, 'Northern Ireland Medical and Dental Training Agency', 'Northern Ireland', 'NID', 'NID', 2,
        ARRAY['Belfast', 'Derry/Londonderry']
    ),
    (18, 'Defence Postgraduate Medical Deanery', 'Defence', 'TSD', 'TSD', 1, ARRAY['Tri-Service'])
) AS office (number, owner, short_name, post_prefix, programme_prefix, share, places);

CREATE TEMPORARY TABLE demo_office_slot ON COMMIT DROP AS
SELECT
    slot.number AS slot,
    demo_office.number AS office
FROM demo_office
CROSS JOIN LATERAL generate_series(
    demo_office.first_slot, demo_office.first_slot + demo_office.share - 1
) AS slot (number);

-- 300 trusts, three to a slot: a trust belongs to one local office. Codes look like those of NHS organisations.
CREATE TEMPORARY TABLE demo_trust ON COMMIT DROP AS
SELECT
    trust.id,
    'R' || substr('ABCDEFGHJKLMNPQRTVWXY', 1 + trust.id / 15, 1)
    || substr('1234567890ABCDEFGHJKLMNPQRTVWXY', 1 + mod(trust.id * 2, 31), 1) AS code
FROM generate_series(1, 300) AS trust (id);

-- Specialties of medical and dental training: national codes where there is one, and the first stages of
-- training, through which doctors rotate. Rare specialties are trained in the larger offices only (smallest_share);
-- weight is how many rotations a programme has at an office of average size.
CREATE TEMPORARY TABLE demo_specialty ON COMMIT DROP AS
SELECT
    row_number() OVER () AS id,
    specialty.*
FROM (
    VALUES
    ('foundation', 'FND', 'Foundation', 1, 6),
    ('general practice', '600', 'General Practice', 1, 5),
    ('core medicine', 'IMT', 'Internal Medicine Training Stage 1', 1, 10),
    ('core medicine', 'ACM', 'Acute Care Common Stem - Acute Medicine', 4, 2),
    ('core surgery', 'CST', 'Core Surgical Training', 1, 8),
    ('core anaesthetics', 'CAT', 'Core Anaesthetics Training', 1, 5),
    ('core anaesthetics', 'ACA', 'Acute Care Common Stem - Anaesthetics', 4, 2),
    ('core psychiatry', 'CPT', 'Core Psychiatry Training', 1, 6),
    ('medicine', '300', 'General (Internal) Medicine', 1, 1),
    ('medicine', '301', 'Gastroenterology', 1, 2),
    ('medicine', '302', 'Endocrinology and Diabetes Mellitus', 1, 2),
    ('medicine', '303', 'Haematology', 2, 2),
    ('medicine', '305', 'Clinical Pharmacology and Therapeutics', 7, 1),
    ('medicine', '310', 'Audio Vestibular Medicine', 8, 1),
    ('medicine', '311', 'Clinical Genetics', 6, 1),
    ('medicine', '313', 'Immunology', 7, 1),
    ('medicine', '314', 'Rehabilitation Medicine', 5, 1),
    ('medicine', '315', 'Palliative Medicine', 4, 1),
    ('medicine', '320', 'Cardiology', 1, 3),
    ('medicine', '325', 'Sport and Exercise Medicine', 8, 1),
    ('medicine', '326', 'Acute Internal Medicine', 1, 2),
    ('medicine', '330', 'Dermatology', 2, 1),
    ('medicine', '340', 'Respiratory Medicine', 1, 3),
    ('medicine', '350', 'Infectious Diseases', 4, 1),
    ('medicine', '352', 'Tropical Medicine', 8, 1),
    ('medicine', '360', 'Genitourinary Medicine', 4, 1),
    ('medicine', '361', 'Renal Medicine', 2, 2),
    ('medicine', '370', 'Medical Oncology', 4, 1),
    ('medicine', '371', 'Nuclear Medicine', 8, 1),
    ('medicine', '400', 'Neurology', 2, 1),
    ('medicine', '401', 'Clinical Neurophysiology', 6, 1),
    ('medicine', '410', 'Rheumatology', 1, 1),
    ('medicine', '430', 'Geriatric Medicine', 1, 3),
    ('medicine', '800', 'Clinical Oncology', 2, 2),
    ('medicine', '901', 'Occupational Medicine', 6, 1),
    ('surgery', '100', 'General Surgery', 1, 5),
    ('surgery', '101', 'Urology', 2, 2),
    ('surgery', '107', 'Vascular Surgery', 4, 1),
    ('surgery', '110', 'Trauma and Orthopaedic Surgery', 1, 5),
    ('surgery', '120', 'Otolaryngology', 2, 2),
    ('surgery', '145', 'Oral and Maxillofacial Surgery', 4, 1),
    ('surgery', '160', 'Plastic Surgery', 4, 1),
    ('surgery', '170', 'Cardiothoracic Surgery', 6, 1),
    ('surgery', '171', 'Paediatric Surgery', 6, 1),
    ('run-through', '130', 'Ophthalmology', 1, 2),
    ('run-through', '150', 'Neurosurgery', 5, 1),
    ('run-through', '180', 'Emergency Medicine', 1, 4),
    ('run-through', '321', 'Paediatric Cardiology', 7, 1),
    ('run-through', '420', 'Paediatrics', 1, 6),
    ('run-through', '502', 'Obstetrics and Gynaecology', 1, 4),
    ('run-through', '560', 'Community Sexual and Reproductive Health', 6, 1),
    ('run-through', '810', 'Clinical Radiology', 1, 4),
    ('run-through', '822', 'Chemical Pathology', 6, 1),
    ('run-through', '824', 'Histopathology', 2, 2),
    ('run-through', '831', 'Medical Microbiology', 4, 1),
    ('run-through', '903', 'Public Health Medicine', 1, 1),
    ('anaesthetics', '190', 'Anaesthetics', 1, 8),
    ('anaesthetics', '192', 'Intensive Care Medicine', 2, 2),
    ('psychiatry', '710', 'General Psychiatry', 1, 4),
    ('psychiatry', '711', 'Child and Adolescent Psychiatry', 1, 2),
    ('psychiatry', '712', 'Forensic Psychiatry', 4, 1),
    ('psychiatry', '700', 'Psychiatry of Learning Disability', 4, 1),
    ('psychiatry', '713', 'Medical Psychotherapy', 6, 1),
    ('psychiatry', '715', 'Old Age Psychiatry', 2, 1),
    ('dental foundation', 'DFT', 'Dental Foundation', 1, 2),
    ('dental core', 'DCT', 'Dental Core Training', 1, 2),
    ('dental specialty', '140', 'Oral Surgery', 4, 1),
    ('dental specialty', '141', 'Restorative Dentistry', 4, 1),
    ('dental specialty', '142', 'Paediatric Dentistry', 4, 1),
    ('dental specialty', '143', 'Orthodontics', 1, 2),
    ('dental specialty', '451', 'Special Care Dentistry', 6, 1),
    ('dental specialty', '904', 'Dental Public Health', 8, 1)
) AS specialty (family, code, name, smallest_share, weight);

CREATE TEMPORARY TABLE demo_grade ON COMMIT DROP AS
SELECT
    grade.abbreviation,
    grade.number + 270 AS id
FROM unnest(
    ARRAY[
        'F1', 'F2', 'CT1', 'CT2', 'CT3', 'ST1', 'ST2', 'ST3', 'ST4', 'ST5', 'ST6', 'ST7', 'ST8',
        'GPST1', 'GPST2', 'GPST3', 'DFT', 'DCT1', 'DCT2', 'DCT3', 'TD'
    ]
) WITH ORDINALITY AS grade (abbreviation, number);

-- Careers: which share of the persons takes which path, and of which stages a path is made. A stage is a membership
-- of one programme: when it starts, counted in months from the start of the career, for how long, in placements
-- of how many months, at which grade in each year. A path without stages is that of a supervisor.
CREATE TEMPORARY TABLE demo_path ON COMMIT DROP AS
SELECT
    path.number AS path,
    path.share,
    path.name,
    (sum(path.share) OVER (ORDER BY path.number) - path.share)::integer AS first_slot
FROM (
    VALUES
    (1, 8, 'foundation alone'),
    (2, 22, 'general practice'),
    (3, 14, 'medicine'),
    (4, 9, 'surgery'),
    (5, 11, 'run-through'),
    (6, 7, 'anaesthetics'),
    (7, 7, 'psychiatry'),
    (8, 5, 'general practice, trained abroad before'),
    (9, 4, 'medicine, trained abroad before'),
    (10, 6, 'dentistry'),
    (11, 3, 'locum'),
    (12, 4, 'supervisor')
) AS path (number, share, name);

CREATE TEMPORARY TABLE demo_path_slot ON COMMIT DROP AS
SELECT
    slot.number AS slot,
    demo_path.path
FROM demo_path
CROSS JOIN LATERAL generate_series(
    demo_path.first_slot, demo_path.first_slot + demo_path.share - 1
) AS slot (number);

CREATE TEMPORARY TABLE demo_stage ON COMMIT DROP AS
SELECT stage.*
FROM (
    VALUES
    (1, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (2, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (2, 2, 'general practice', 24, 36, 6, ARRAY['GPST1', 'GPST2', 'GPST3']),
    (3, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (3, 2, 'core medicine', 24, 36, 6, ARRAY['CT1', 'CT2', 'CT3']),
    (3, 3, 'medicine', 60, 48, 12, ARRAY['ST4', 'ST5', 'ST6', 'ST7']),
    (4, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (4, 2, 'core surgery', 24, 24, 6, ARRAY['CT1', 'CT2']),
    (4, 3, 'surgery', 48, 72, 12, ARRAY['ST3', 'ST4', 'ST5', 'ST6', 'ST7', 'ST8']),
    (5, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (5, 2, 'run-through', 24, 96, 12, ARRAY['ST1', 'ST2', 'ST3', 'ST4', 'ST5', 'ST6', 'ST7', 'ST8']),
    (6, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (6, 2, 'core anaesthetics', 24, 36, 6, ARRAY['CT1', 'CT2', 'CT3']),
    (6, 3, 'anaesthetics', 60, 48, 12, ARRAY['ST4', 'ST5', 'ST6', 'ST7']),
    (7, 1, 'foundation', 0, 24, 4, ARRAY['F1', 'F2']),
    (7, 2, 'core psychiatry', 24, 36, 6, ARRAY['CT1', 'CT2', 'CT3']),
    (7, 3, 'psychiatry', 60, 36, 12, ARRAY['ST4', 'ST5', 'ST6']),
    (8, 1, 'general practice', 0, 36, 6, ARRAY['GPST1', 'GPST2', 'GPST3']),
    (9, 1, 'medicine', 0, 60, 12, ARRAY['ST3', 'ST4', 'ST5', 'ST6', 'ST7']),
    (10, 1, 'dental foundation', 0, 12, 12, ARRAY['DFT']),
    (10, 2, 'dental core', 12, 36, 12, ARRAY['DCT1', 'DCT2', 'DCT3']),
    (10, 3, 'dental specialty', 48, 36, 12, ARRAY['ST1', 'ST2', 'ST3']),
    (11, 1, 'medicine', 0, 12, 6, ARRAY['TD'])
) AS stage (path, stage, family, months_before, months, placement_months, grades);

-- Changeover day: the first Wednesday of the month. With it, the day before the one after.
CREATE TEMPORARY TABLE demo_changeover ON COMMIT DROP AS
SELECT
    month.number AS month,
    first_day.day + mod(10 - extract(ISODOW FROM first_day.day)::integer, 7) AS day
FROM generate_series(pg_temp.run_month() - 12 * 50, pg_temp.run_month() + 12 * 30) AS month (number)
CROSS JOIN LATERAL make_date(month.number / 12, 1 + mod(month.number, 12), 1) AS first_day (day);

-- Names by culture: its share in per cent, forenames, surnames. All combinations are random: no real person is meant.
CREATE TEMPORARY TABLE demo_culture ON COMMIT DROP AS
SELECT
    culture.number AS culture,
    culture.share,
    string_to_array(culture.forenames, ', ') AS forenames,
    string_to_array(culture.surnames, ', ') AS surnames,
    string_to_array(culture.known_as, ', ') AS known_as,
    (sum(culture.share) OVER (ORDER BY culture.number) - culture.share)::integer AS first_slot
FROM (
    VALUES
    (
        1, 36, -- English
        'Oliver, Amelia, George, Isla, Harry, Ava, Jack, Emily, Jacob, Sophie, Thomas, Grace, Oscar, Lily, William, '
        'Freya, James, Charlotte, Henry, Alice, Edward, Eleanor, Samuel, Lucy, Benjamin, Hannah, Anne-Marie, Mary Jane',
        'Smith, Taylor, Brown, Wilson, Johnson, Walker, Wright, Robinson, Thompson, White, Hughes, Edwards, Green, '
        'Hall, Wood, Harris, Clarke, Jackson, Turner, Hill, Cooper, Ward, Baker, Harrison, Carter, Shaw, Bennett, '
        'Fox, Barnes, Marsh, Page, Holt, Featherstonehaugh, St John, Smythe-Jones, Ash',
        'Ollie, Millie, Bill, Izzy, Tom, Ned, Sam'
    ),
    (
        2, 5, -- Scottish and Irish
        'Aoife, Cian, Siobhán, Seán, Niamh, Pádraig, Róisín, Eoin, Ciarán, Gráinne, Fiona, Hamish, Mairi, Angus, '
        'Catriona, Callum',
        'O''Brien, O''Connor, Murphy, Kelly, O''Sullivan, Walsh, McCarthy, MacDonald, McLeod, Ó Briain, Ní Dhomhnaill, '
        'Campbell, Fraser, Mac an tSaoir, O''Neill, Fitzgerald, de Búrca, McIntyre',
        'Paddy, Róis, Eve'
    ),
    (
        3, 3, -- Welsh
        'Rhys, Siân, Gareth, Angharad, Owain, Lowri, Llŷr, Ffion, Dafydd, Nia, Ieuan, Siôn',
        'Jones, Davies, Evans, Williams, Roberts, Llewellyn, Griffiths, Pryce-Jones, ap Rhys, Morgan, Gwyn, Owen',
        'Dai, Ffi'
    ),
    (
        4, 16, -- South Asian
        'Priya, Arjun, Ananya, Rohan, Kavita, Sanjay, Divya, Vikram, Meera, Rahul, Nisha, Amit, Deepa, Suresh, '
        'Lakshmi, Karthik, Harpreet, Gurdeep, Thilini, Nimal, Venkata Sai, Radha Krishna',
        'Patel, Sharma, Singh, Kaur, Gupta, Reddy, Nair, Iyer, Mehta, Desai, Banerjee, Chatterjee, Rao, Joshi, Menon, '
        'Pillai, Fernando, Perera, Jayawardena, Shah, Das, Krishnamurthy, Venkataraman, Balasubramaniam, de Silva',
        'प्रिया, Raj, Lucky'
    ),
    (
        5, 11, -- Pakistani, Bangladeshi, Arab
        'Muhammad, Fatima, Ahmed, Ayesha, Hassan, Zainab, Bilal, Maryam, Usman, Khadija, Omar, Layla, Yusuf, Noor, '
        'Ibrahim, Sana, Abd al-Rahman, Umm Salama, Mohammad Ali, Nur-ul-Huda',
        'Khan, Ahmed, Hussain, Malik, Iqbal, Chowdhury, Rahman, Islam, Begum, Akhtar, Al-Hassan, El-Sayed, '
        'Al Mansouri, Abu Bakr, bin Said, Siddiqui, Qureshi, Mirza, Haddad, Ul-Haq, Abdel-Rahman',
        'محمد, فاطمة, Ali'
    ),
    (
        6, 8, -- West African
        'Chukwuemeka, Ngozi, Oluwaseun, Adaeze, Kwame, Ama, Babatunde, Folasade, Ọlájídé, Ifeoma, Kofi, Abena, Ẹniọlá, '
        'Temitope, Uchenna, Yaw',
        'Okafor, Adeyemi, Mensah, Okonkwo, Balogun, Owusu, Eze, Ogunleye, Boateng, Nwosu, Adébáyọ̀, Asante, Ibrahim, '
        'Oyelaran-Oyeyinka, Amoah, Ọlátúnjí',
        'Emeka, Seun, Tunde'
    ),
    (
        7, 2, -- East and southern African
        'Tendai, Wanjiru, Themba, Nomvula, Otieno, Achieng, Farai, Thandiwe, Selam, Dawit',
        'Moyo, Ndlovu, Kamau, Odhiambo, Dlamini, Ng''ang''a, Chikwanha, Tesfaye, van der Merwe, wa Kariuki',
        'TT, Wanja'
    ),
    (
        8, 6, -- Chinese
        'Wei, Xiu Ying, Jia Hui, Ming, Li Na, Kai Xin, Hao, Yi Ling, Zhi Ming, Mei-Ling, Siew Ling, Jun, Xīnyí, Lü Jie',
        'Wang, Li, Zhang, Chen, Wong, Tan, Lim, Ng, Lau, Cheung, Ho, Ouyang, Szeto, Xu, Yu, Ma, Au-Yeung, Lü, Nguyễn',
        '伟, 秀英, Winnie, 明'
    ),
    (
        9, 2, -- Japanese and Korean
        'Haruto, Yui, Sota, Aoi, Ji-woo, Min-jun, Seo-yeon, Ren, Yūko, Hae-won',
        'Sato, Suzuki, Tanaka, Watanabe, Kim, Park, Choi, Lee, Ōno, Itō',
        '陽葵, 지우, Ren'
    ),
    (
        10, 3, -- Polish and Czech
        'Agnieszka, Paweł, Małgorzata, Krzysztof, Łukasz, Zofia, Jiří, Tereza, Grażyna, Wojciech',
        'Kowalska, Nowak, Wiśniewski, Wójcik, Zieliński, Dvořák, Nováková, Szymańska-Lewandowska, Żółkiewski, Ćwik',
        'Aga, Gosia, Krzyś'
    ),
    (
        11, 2, -- German and Nordic
        'Björn, Åsa, Jürgen, Søren, Ingrid, Käthe, Øystein, Þórunn, Lars, Heike',
        'Müller, Schröder, Großmann, Åkesson, Ødegård, Jónsdóttir, von der Heide, Lindqvist, Sæther, Weiß',
        'Jü, Tóta'
    ),
    (
        12, 2, -- Greek and Cypriot
        'Dimitrios, Eleni, Georgios, Maria, Konstantinos, Despina, Ioannis, Sofía',
        'Papadopoulos, Georgiou, Christodoulou, Papanikolaou, Nikolaidis, Ioannou, Hadji-Ioannou, Oikonómou',
        'Δημήτρης, Ελένη'
    ),
    (
        13, 2, -- Romance languages
        'José, Lucía, François, Zoë, João, Inês, Giulia, Matteo, Chloë, Andrei, Ștefan, Núria, María del Carmen',
        'García, Fernández-Ruiz, Lefèvre, D''Angelo, dell''Acqua, Gonçalves, da Silva, Núñez y Castro, Popescu, '
        'Țîrcă, L''Hôpital, Peña',
        'Pepe, Zé'
    ),
    (
        14, 1, -- Iranian, Turkish, Hebrew
        'Parisa, Reza, Gökçe, İbrahim, Işıl, Şeyma, Yael, Noam, Shirin, Çağla',
        'Hosseini, Yılmaz, Öztürk, Cohen, Ben-David, Şahin, Karimi, Bar-Ilan, Güneş, Levi',
        'نسرین, נועם'
    ),
    (
        15, 1, -- with one name, or written as at home
        'Владимир, Наталія, Αικατερίνη, 王伟, 陳美玲, 김민준, さくら, محمد, אברהם, अनन्या, ஆனந்த், สมชาย',
        'Шевченко, Кузнецова, Παπαδόπουλος, 王, 陳, 김, 山田, العلي, כהן, शर्मा, முத்து, ใจดี',
        'Володя, Κατερίνα'
    )
) AS culture (number, share, forenames, surnames, known_as);

CREATE TEMPORARY TABLE demo_culture_slot ON COMMIT DROP AS
SELECT
    slot.number AS slot,
    demo_culture.forenames,
    demo_culture.surnames,
    demo_culture.known_as
FROM demo_culture
CROSS JOIN LATERAL generate_series(
    demo_culture.first_slot, demo_culture.first_slot + demo_culture.share - 1
) AS slot (number);

ANALYZE demo_office, demo_office_slot, demo_trust, demo_specialty, demo_grade, demo_path_slot, demo_stage,
demo_changeover, demo_culture_slot;
